/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SYNC_QUARANTINE_H
#define SYNC_QUARANTINE_H

#include "sync/store.h"

/* What could not be applied, by name and reason, so that a person can mend it (peers.md, rule 5: "refused" is never a
 * counter alone). Two kinds: a legacy row's register that does not map, and a leaf without effect (void, or not standing
 * where it says). Entries have stable keys: telling the same thing again replaces it, mending removes it. No complaint
 * text: names, numbers and static reasons. All inside the caller's store transaction. */

enum quarantine_kind {
    QUARANTINE_ROW = 'R',
    QUARANTINE_LEAF = 'L',
};

#define QUARANTINE_WRITE 0x10000u
/* Beside a register: told once, by the capture that saw it (an old form, something made looser); the next capture of the
 * row takes it back, not a look that finds nothing new. */
#define QUARANTINE_NOTICE 0x20000u
#define QUARANTINE_REGISTER 0xffffu

struct quarantine_entry {
    enum quarantine_kind kind;
    uint64_t at_ms;          /* first told */
    struct span reason;      /* static sentence */
    struct record_id record; /* zero if unknown */
    /* row */
    uint32_t lane;
    struct span table;
    struct span row_key;
    uint32_t number;         /* register, 0: the whole row; with QUARANTINE_WRITE: it could not be written into the row */
    struct span column;      /* name, may be empty */
    /* leaf */
    uint32_t stream;
    uint64_t seq;
};

/* Keeps at_ms of an entry that is there already. out_new (may be NULL): it had not been told before. */
struct status quarantine_put(struct store *store, const struct quarantine_entry *entry, struct arena *arena,
                             bool *out_new) MUST_CHECK;
/* What was told of a row's reading and is not among `keep` has been mended. Entries with QUARANTINE_WRITE stay; those with
 * QUARANTINE_NOTICE too, unless `captured`. */
struct status quarantine_mend_row(struct store *store, uint32_t lane, struct span table, struct span row_key,
                                  bool captured, const uint32_t *keep, size_t keep_count, struct arena *arena) MUST_CHECK;
/* Ascending by key, after `after` (empty: from the start); out_last is the key to go on from. */
struct status quarantine_list(struct store *store, struct span after, size_t limit, struct arena *arena,
                              struct quarantine_entry *out_entries, size_t *out_count, struct span *out_last) MUST_CHECK;

#endif
