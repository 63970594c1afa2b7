/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/core_state.h"

struct status epoch_archive(struct core *core)
{
    (void)core;
    return STATUS_MAKE(STATUS_UNSUPPORTED);
}

struct status epoch_rewrite(struct core *core, uint32_t epoch_max, struct next *out_next)
{
    (void)core;
    (void)epoch_max;
    (void)out_next;
    return STATUS_MAKE(STATUS_UNSUPPORTED);
}
