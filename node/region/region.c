/* SPDX-License-Identifier: Apache-2.0 */
#include "node/region/region.h"

#include <assert.h>
#include <pthread.h>

enum { REGIONS_MAX = 1024, PROVINCE_CODE_SIZE = 2 };

/* region_data.S */
extern const uint8_t region_data[];
extern const uint8_t region_data_end[];

static struct region regions[REGIONS_MAX]; /* written once, under `once` */
static size_t regions_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The text before the next `end`, which is skipped. */
static struct span field_take(const uint8_t **at, uint8_t end)
{
    const uint8_t *begin = *at;
    const uint8_t *stop = memchr(begin, end, (size_t)(region_data_end - begin));
    assert(stop); /* our own file: tests/unit/region */
    *at = stop + 1;
    return span_of(begin, (size_t)(stop - begin));
}

static void load(void)
{
    const uint8_t *at = region_data;
    (void)field_take(&at, '\n'); /* the names of the columns */
    while (at < region_data_end) {
        assert(regions_count < REGIONS_MAX);
        struct region *region = &regions[regions_count++];
        region->code = field_take(&at, ',');
        region->name = field_take(&at, ',');
        region->first_day = field_take(&at, ',');
        region->last_day = field_take(&at, ',');
        region->successor = field_take(&at, '\n');
    }
}

size_t region_count(void)
{
    pthread_once(&once, load);
    return regions_count;
}

struct region region_at(size_t index)
{
    assert(index < region_count());
    return regions[index];
}

bool region_find(struct span code, struct region *out_region)
{
    size_t low = 0;
    size_t high = region_count();
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(regions[middle].code, code);
        if (order == 0) {
            *out_region = regions[middle];
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

bool region_today(struct span code, struct region *out_region)
{
    struct region region;
    if (!region_find(code, &region)) {
        return false;
    }
    for (size_t step = 0; region.successor.size > 0; step++) {
        bool there = region_find(region.successor, &region);
        assert(there && step < REGIONS_MAX);
    }
    *out_region = region;
    return true;
}

bool region_province(struct span code, struct region *out_province)
{
    struct region region;
    return region_today(code, &region) && region_find(span_of(region.code.data, PROVINCE_CODE_SIZE), out_province);
}

bool region_zone(struct span code, int32_t *out_minutes)
{
    static const char central[] = "51 52 53 63 64 65 71 72 73 74 75 76";
    struct region province;
    if (!region_province(code, &province)) {
        return false;
    }
    bool is_central = false;
    for (const char *at = central; at < central + sizeof central - 1; at += PROVINCE_CODE_SIZE + 1) {
        is_central |= memcmp(at, province.code.data, PROVINCE_CODE_SIZE) == 0;
    }
    *out_minutes = is_central ? 480 : province.code.data[0] >= '8' ? 540 : 420;
    return true;
}
