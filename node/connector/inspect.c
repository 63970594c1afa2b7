/* SPDX-License-Identifier: Apache-2.0 */
#include "node/connector/driver.h"

/* `simpul connector check|install|uninstall`: a connection of their own, made so that it can say what is missing. */

enum inspect { INSPECT_CHECK, INSPECT_INSTALL, INSPECT_UNINSTALL };

struct status driver_open(const struct config_legacy *legacy, const struct mapping *mapping, bool lenient,
                          struct driver **out_driver, char *problem, size_t problem_size)
{
    return legacy->kind == LEGACY_SQLITE
               ? driver_sqlite_open(legacy, mapping, lenient, out_driver, problem, problem_size)
               : driver_postgres_open(legacy, mapping, lenient, out_driver, problem, problem_size);
}

static struct status inspect(const struct config_legacy *legacy, const struct mapping *mapping, enum inspect what,
                             bool print_only, struct report *report)
{
    struct driver *driver = NULL;
    char problem[512] = "";
    struct status status = driver_open(legacy, mapping, true, &driver, problem, sizeof problem);
    if (!status_is_ok(status)) {
        report_problem(report, "problem: %s", problem[0] ? problem : status_name(status));
        return status;
    }
    switch (what) {
    case INSPECT_CHECK:
        status = driver->ops->check(driver, report);
        break;
    case INSPECT_INSTALL:
        status = driver->ops->install(driver, print_only, report);
        break;
    case INSPECT_UNINSTALL:
        status = driver->ops->uninstall(driver, print_only, report);
        break;
    }
    if (!status_is_ok(status)) {
        report_problem(report, "problem: %s", driver->problem[0] ? driver->problem : status_name(status));
    }
    driver->ops->free(driver);
    return status;
}

struct status connector_check(const struct config_legacy *legacy, const struct mapping *mapping,
                              struct report *out_report)
{
    return inspect(legacy, mapping, INSPECT_CHECK, false, out_report);
}

struct status connector_install(const struct config_legacy *legacy, const struct mapping *mapping, bool print_only,
                                struct report *out_report)
{
    return inspect(legacy, mapping, INSPECT_INSTALL, print_only, out_report);
}

struct status connector_uninstall(const struct config_legacy *legacy, const struct mapping *mapping, bool print_only,
                                  struct report *out_report)
{
    return inspect(legacy, mapping, INSPECT_UNINSTALL, print_only, out_report);
}
