/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/text.h"

/* English, Indonesian; words of the officers (dashboard.md). */
const struct text text_table[] = {
    {"done", "selesai dikerjakan"},
};
const size_t text_count = sizeof text_table / sizeof text_table[0];
