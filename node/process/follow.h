/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_FOLLOW_H
#define NODE_PROCESS_FOLLOW_H

#include "node/engine/engine.h"

/* Where several processes of a hub share one database: as soon as another one commits, the engine looks (a job that only reads), so
 * that long polls, screens and connectors here learn of it without a transaction of their own. tests/system/hub_pair. */

struct follow;

/* `store` is one of PostgreSQL. All borrowed. */
struct status follow_start(struct engine *engine, const struct store *store, struct follow **out_follow) MUST_CHECK;
/* Ends the thread, while the engine still runs. NULL is fine. */
void follow_stop(struct follow *follow);
/* After the engine stopped. NULL is fine. */
void follow_free(struct follow *follow);

#endif
