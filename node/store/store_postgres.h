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
 * - One holder: a session advisory lock of the database. begin and open say BUSY while another process has it.
 * - Reconnects by itself in begin. A new connection gets the lock only after the last one has ended at the server, so that a
 *   COMMIT of unknown outcome has had one before anything is read; and it commits a row of its own first, so that nothing is
 *   read that could still be lost with its server (a fail-over goes to a standby that has it).
 * - Pipelined: BEGIN, marks and writes travel with the next call that needs an answer. So a write that the server refuses may
 *   be told by a later call of the same transaction, at the latest by commit, and never after savepoint_keep.
 *
 * Distribution by Citus: tables whose keys begin with a stream or a scope carry that beginning as the first column of their
 * primary key (`part`); see deploy/OPERATOR.md. */

/* `source` is a connection string of libpq ("host=a,b dbname=simpul target_session_attrs=read-write"); it is copied and
 * never printed. On failure `problem` (borrowed, may be NULL with size 0) gets a sentence for the operator that says what to
 * do. BUSY: another process has the store. UNSUPPORTED: a newer program made the tables, or the server is too old. INVALID:
 * the connection string. DENIED: the role may not do what is needed. IO: no server answers. */
struct status store_postgres_open(const char *source, struct memory memory, struct store **out_store, char *problem,
                                  size_t problem_size) MUST_CHECK;

/* Static words for the last failure of a call: "too many connections", "disk full at the server", ...; "" before the
 * first. For the log. */
const char *store_postgres_problem(const struct store *store);

/* Connections made so far, the first included. */
uint64_t store_postgres_connections(const struct store *store);

#endif
