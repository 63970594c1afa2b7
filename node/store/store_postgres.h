/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_STORE_STORE_POSTGRES_H
#define NODE_STORE_STORE_POSTGRES_H

#include "sync/store.h"

/* The store of a hub on PostgreSQL (12 or later): tables in the schema simpul_store of one database, made and brought up to
 * date by the program itself. tests/contract/contract_store.c, tests/unit/store/test_store_postgres.c,
 * tests/system/hub_postgres.
 *
 * - Durable: a session never runs with synchronous_commit below "on"; where the server has synchronous standbys, OK means
 *   that one of them has the commit too. A wait for a standby that was broken off is UNKNOWN, never OK.
 * - Several processes at once, each with an instance of its own (its data folder). Transactions that write come one after the
 *   other, under one advisory lock taken by their first statement, so that they cannot dead-lock each other; transactions that
 *   read take no lock and see one state. `moved` tells each process what the others committed (postgres_moves.c), and a watch
 *   (store_postgres_watch) tells it when. A lock that does not come within lock_timeout (20 s), a dead-lock or a failed
 *   serialization is BUSY: nothing was done.
 * - One process per instance: begin and open say BUSY while another process has it. One process with connectors.
 * - Reconnects by itself in begin. A new connection gets the instance only after the last one has ended at the server, so that a
 *   COMMIT of unknown outcome has had one before anything is read; and it commits a row of its own first, so that nothing is
 *   read that could still be lost with its server (a fail-over goes to a standby that has it).
 * - Pipelined: BEGIN, marks and writes travel with the next call that needs an answer. So a write that the server refuses may
 *   be told by a later call of the same transaction, at the latest by commit, and never after savepoint_keep.
 *
 * Distribution by Citus: tables whose keys begin with a stream or a scope carry that beginning as the first column of their
 * primary key (`part`); see deploy/OPERATOR.md. */

struct store_postgres_options {
    const char *source;   /* copied, never printed: a connection string of libpq, "host=a,b dbname=simpul user=..." */
    uint8_t instance[16]; /* of this process's data folder */
    bool has_connectors;  /* only one process may have them: its rows of shadows, ties and due records are its own */
    bool is_replica;      /* only read, of a standby or of the primary: takes no lock, and connects at the first begin. It may go
                             back to an older state (another standby): `moved` says `all` then */
};

/* On failure `problem` (borrowed, may be NULL with size 0) gets a sentence for the operator that says what to do. BUSY: another
 * process has the instance or the connectors. UNSUPPORTED: a newer program made the tables, or the server is too old. INVALID: the
 * connection string. DENIED: the role may not do what is needed. IO: no server answers. */
struct status store_postgres_open(const struct store_postgres_options *options, struct memory memory, struct store **out_store,
                                  char *problem, size_t problem_size) MUST_CHECK;

/* Static words for the last failure of a call: "too many connections", "disk full at the server", ...; "" before the
 * first. For the log. */
const char *store_postgres_problem(const struct store *store);

/* Of a replica, as of its last transaction: when what it shows was committed. 0: not known. */
int64_t store_postgres_as_of_ms(const struct store *store);

/* Calls `moved` on a thread of its own soon after another process has committed something, and whenever that may have been missed.
 * For a replica, which nobody can tell anything, once a second. The store outlives the call only. */
struct store_watch;
struct status store_postgres_watch_start(const struct store *store, void (*moved)(void *owner), void *owner,
                                         struct store_watch **out_watch) MUST_CHECK;
void store_postgres_watch_stop(struct store_watch *watch); /* NULL is fine */

/* Connections made so far, the first included. */
uint64_t store_postgres_connections(const struct store *store);

#endif
