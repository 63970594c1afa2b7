/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CLI_EXIT_H
#define NODE_CLI_EXIT_H

/* Exit codes of `simpul`, documented in deploy/OPERATOR.md; the numbers above 63 follow sysexits.h. */
enum exit_code {
    EXIT_FINE = 0,
    EXIT_FOUND = 1,         /* it ran, and found something: a difference, a mistake in a mapping, a broken log */
    EXIT_USAGE = 2,         /* unknown verb or option */
    EXIT_NO_SUCH = 3,       /* no such record, conflict, connector ... */
    EXIT_REFUSED = 4,       /* not allowed, or stale: read again */
    EXIT_BUSY = 5,          /* a process holds the store, or is needed and does not run */
    EXIT_CONFIGURATION = 78, /* mistakes in the configuration or a mapping; all were printed */
    EXIT_UNAVAILABLE = 69,  /* the local database or a socket does not answer */
    EXIT_STORE = 74,        /* the store failed */
};

#endif
