/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_READERS_H
#define NODE_PROCESS_READERS_H

#include "node/engine/engine.h"
#include "node/process/local.h"

/* What screens read of a hub's database with `store: {replica: ...}`: a store on a standby, with a core and an engine of their own,
 * that only read. Figures are counted from it, lists and complaints shown from it; it says as of when. While it does not answer
 * (log: replica_away), everybody reads from the primary; when it does again (replica_back), from it. Nothing that is written
 * is ever decided by what a replica says: acts of the screens are verbs of the process's own engine. tests/system/hub_replica. */

struct process;
struct readers;

/* Does not wait for the replica, nor fail because it is away. */
struct status readers_start(struct process *process, struct readers **out_readers, char *problem, size_t problem_size) MUST_CHECK;
/* Ends its look-out, while all engines still run. NULL is fine. */
void readers_stop(struct readers *readers);
/* Ends its engine too. NULL is fine. */
void readers_free(struct readers *readers);

/* NULL while the replica is away, or there is none. Any thread. */
struct local *readers_local(struct readers *readers);
struct engine *readers_engine(struct readers *readers);
/* When what the replica shows was committed; 0: not known. Any thread. */
int64_t readers_as_of_ms(struct readers *readers);

#endif
