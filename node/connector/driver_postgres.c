/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver.h"

#include <stdio.h>

struct status driver_postgres_open(const struct config_legacy *legacy, const struct mapping *mapping, bool lenient,
                                   struct driver **out_driver, char *problem, size_t problem_size)
{
    (void)legacy;
    (void)mapping;
    (void)lenient;
    (void)out_driver;
    snprintf(problem, problem_size, "this build has no PostgreSQL driver yet");
    return STATUS_MAKE(STATUS_UNSUPPORTED);
}
