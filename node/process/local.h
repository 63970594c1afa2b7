/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PROCESS_LOCAL_H
#define NODE_PROCESS_LOCAL_H

#include "node/config/config.h"
#include "sync/core.h"

/* What a configuration names on this machine, opened: keys, store, core. `simpul run` keeps it for as long as it runs;
 * the CLI opens it for a moment when no process holds the store (architecture.md). Whoever has it, has it alone. */

enum { LOCAL_PROBLEM_SIZE = 512 };

struct local {
    const struct config *config; /* borrowed */
    struct crypto *crypto;       /* owned */
    struct store *store;         /* owned */
    struct core *core;           /* owned */
    uint8_t secret[32];          /* derives ids of captured rows; kept with the keys and in their backup */
    uint8_t instance[16];
    bool in_doubt;               /* the generation file did not fit: a restored copy of the store */
    bool damaged;                /* local_open_log: the log is not what was signed; `problem` says where */
    char problem[LOCAL_PROBLEM_SIZE]; /* after a failure: one sentence for the operator, with what to do */
};

/* Makes what a first start needs and is not there yet: folder, signing keys, secret, instance, store with epoch 1 (the
 * hub: its registry). Never overwrites anything; running it again is harmless. */
struct status local_init(const struct config *config, char *problem, size_t problem_size) MUST_CHECK;

/* Where the store is, for sentences: its path, or words for a database. */
const char *local_store_name(const struct config *config);
/* Static words for what the store last said. */
const char *local_store_problem(const struct local *local);

/* Opens all of it. On failure `out_local->problem` says why and everything is released. BUSY: another process has it. */
struct status local_open(const struct config *config, struct local *out_local) MUST_CHECK;
/* As local_open, but a damaged log is opened too, only to be looked at: `simpul log verify` must be able to say where. */
struct status local_open_log(const struct config *config, struct local *out_local) MUST_CHECK;
void local_close(struct local *local);

/* The two verifier keys of a hub, as `simpul pki hub-key` prints them and `hub_key:` names them: one line for the log
 * (type 01, name sync.<deployment>/o/hub/1/registry) and one for the cosigner (type 04, name sync.<deployment>/w/hub). */
struct status local_hub_keys_read(const struct config *config, struct arena *arena, struct public_key *out_log,
                                  struct public_key *out_cosigner, char *problem, size_t problem_size) MUST_CHECK;
struct status local_hub_keys_write(struct local *local, struct arena *arena, struct span *out_text) MUST_CHECK;

#endif
