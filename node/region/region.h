/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_REGION_REGION_H
#define NODE_REGION_REGION_H

#include "proto/ids.h"

/* The regions of Indonesia by their Kemendagri code: names, days of validity, what came after a code that ended. The data
 * (node/region/data, Open Database License) is part of the program. A node's id is the code that its region had when it was
 * enrolled and stays for good, so it may be a code that has ended. Institutions that are no regions are not here: their names
 * stand in the registry. Any thread. tests/unit/region/test_region.c. */

struct region {
    struct span code;      /* "64" or "64.09"; everything is borrowed from the program itself */
    struct span name;      /* "Kabupaten Penajam Paser Utara" */
    struct span first_day; /* "2022-07-25"; empty: before our data begins */
    struct span last_day;  /* empty: still valid */
    struct span successor; /* the code that came after it, or empty */
};

/* False: no region has or had this code. */
bool region_find(struct span code, struct region *out_region);
/* What the region of this code is today: itself, or what came after it. */
bool region_today(struct span code, struct region *out_region);
/* The province that a region lies in today; of a province itself. */
bool region_province(struct span code, struct region *out_province);
/* The zone that its offices keep, in minutes east of UTC (Keppres 41/1987: WIB, WITA, WIT); false and untouched for what is no
 * region. */
bool region_zone(struct span code, int32_t *out_minutes);
/* All of them, ascending by code; for lists. */
size_t region_count(void);
struct region region_at(size_t index);

#endif
