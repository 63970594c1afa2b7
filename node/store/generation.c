/* SPDX-License-Identifier: Apache-2.0 */
#include "node/store/generation.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "node/base/files.h"
#include "node/base/heap.h"

#define GENERATION_KEY "generation"
#define KEY_SIZE_MAX 64
#define DOUBT_KEY STORE_META_DOUBT
#define HEAD "simpul generation "
#define FILE_SIZE_MAX 64

enum mark_state { MARK_MISSING, MARK_UNREADABLE, MARK_READ };

struct mark {
    enum mark_state state;
    uint64_t generation;
};

static bool mark_parse(struct span text, uint64_t *out_generation)
{
    size_t at = sizeof HEAD - 1;
    uint64_t generation = 0;
    if (text.size < at + 2 || text.size > at + 19 || memcmp(text.data, HEAD, at) != 0) {
        return false; /* up to 18 digits, so that the number cannot overflow */
    }
    for (; at < text.size - 1; at++) {
        if (text.data[at] < '0' || text.data[at] > '9') {
            return false;
        }
        generation = generation * 10 + (uint64_t)(text.data[at] - '0');
    }
    *out_generation = generation;
    return text.data[at] == '\n';
}

static struct status mark_read(const char *path, struct arena *arena, struct mark *out_mark)
{
    struct span text = {0};
    struct mark mark = {.state = MARK_UNREADABLE};
    struct status status = file_read(path, FILE_SIZE_MAX, arena, &text);
    if (status.code == STATUS_NOT_FOUND) {
        mark.state = MARK_MISSING;
    } else if (status.code != STATUS_LIMIT) { /* too long is only another way of being unreadable */
        TRY(status);
        mark.state = mark_parse(text, &mark.generation) ? MARK_READ : MARK_UNREADABLE;
    }
    *out_mark = mark;
    return status_ok();
}

static struct status mark_write(const char *path, uint64_t generation)
{
    char text[FILE_SIZE_MAX];
    snprintf(text, sizeof text, HEAD "%" PRIu64 "\n", generation);
    return file_write(path, span_text(text), 0600);
}

struct stored {
    uint64_t generation; /* 0: the store is new */
    bool in_doubt;
};

/* Of this instance where several share the store. */
static struct span key_make(const uint8_t *instance, char text[KEY_SIZE_MAX])
{
    int size = snprintf(text, KEY_SIZE_MAX, GENERATION_KEY "%s", instance ? "/" : "");
    for (size_t i = 0; instance && i < 16; i++) {
        size += snprintf(text + size, 3, "%02x", instance[i]);
    }
    return span_of(text, (size_t)size);
}

static struct status stored_read(struct store *store, struct span key, struct arena *arena, struct stored *out_stored)
{
    struct span values[2];
    const struct span keys[2] = {key, span_text(DOUBT_KEY)};
    TRY(store->ops->get(store, STORE_META, keys, 2, arena, values));
    struct stored stored = {.in_doubt = values[1].data != NULL};
    if (values[0].data) {
        struct reader reader;
        reader_init(&reader, values[0]);
        stored.generation = reader_be64(&reader);
        TRY(reader_end(&reader));
    }
    *out_stored = stored;
    return status_ok();
}

static struct status stored_write(struct store *store, struct span key, struct stored stored)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(stored.generation >> (8 * (sizeof bytes - 1 - i)));
    }
    TRY(store_put_one(store, STORE_META, key, span_of(bytes, sizeof bytes)));
    return stored.in_doubt ? store_put_one(store, STORE_META, span_text(DOUBT_KEY), (struct span){0}) : status_ok();
}

static bool marks_fit(uint64_t stored, const struct mark *mark)
{
    return mark->state == MARK_READ && (stored == mark->generation || stored == mark->generation + 1);
}

/* Inside a transaction: what is stored, judged against the mark, and raised above both. */
static struct status stored_raise(const struct generation_place *place, struct store *store, struct mark mark, struct arena *arena,
                                  struct stored *out_stored)
{
    struct stored stored;
    char text[KEY_SIZE_MAX];
    struct span key = key_make(place->instance, text);
    TRY(stored_read(store, key, arena, &stored));
    if (place->instance && stored.generation == 0 && mark.state != MARK_MISSING) { /* of before several could share it */
        TRY(stored_read(store, span_text(GENERATION_KEY), arena, &stored));
    }
    if (stored.generation == 0 && mark.state == MARK_MISSING) {
        /* The first start: a mark of 0 before anything else, so that a missing mark later always means something. */
        TRY(mark_write(place->path, 0));
        mark.state = MARK_READ;
    }
    stored.in_doubt = stored.in_doubt || !marks_fit(stored.generation, &mark);
    stored.generation = (stored.generation > mark.generation ? stored.generation : mark.generation) + 1;
    TRY(stored_write(store, key, stored));
    *out_stored = stored;
    return status_ok();
}

static struct status check(const struct generation_place *place, struct store *store, struct arena *arena, bool *out_in_doubt)
{
    struct mark mark = {0};
    struct stored stored = {0};
    TRY(mark_read(place->path, arena, &mark));
    TRY(store->ops->begin(store));
    struct status status = stored_raise(place, store, mark, arena, &stored);
    if (!status_is_ok(status)) {
        store->ops->rollback(store);
        return status;
    }
    TRY(store->ops->commit(store));
    TRY(mark_write(place->path, stored.generation));
    *out_in_doubt = stored.in_doubt;
    return status_ok();
}

struct status store_generation_check(const struct generation_place *place, struct store *store, bool *out_in_doubt)
{
    struct arena arena;
    arena_init(&arena, memory_heap(), SIZE_MAX);
    struct status status = check(place, store, &arena, out_in_doubt);
    arena_release(&arena);
    return status;
}

struct status store_generation_raise(const struct generation_place *place, struct store *store)
{
    bool unused = false;
    return store_generation_check(place, store, &unused);
}

/* A store with a generation beside no file is in doubt. */
void store_generation_forget(const char *path)
{
    if (unlink(path) == 0 && !status_is_ok(file_sync_folder(path))) {
        return; /* the process ends now: there is nobody to be told */
    }
}
