/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_BOARD_BOARD_H
#define NODE_BOARD_BOARD_H

#include "node/process/process.h"

/* The dashboard's server side, on the page listener: the page itself (node/web, embedded), a JSON API under /api/v1/ that
 * README.md beside this file describes, and server-sent events. Hands itself to process_run as its page.
 *
 * The loop thread takes requests and sends answers; WORKERS threads make them: they ask the figures (node/figures), the accounts
 * (node/staff) through handles of their own, and the engine through the same verbs as the CLI (node/control). */
extern const struct process_page board_page;

#endif
