/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONFLICT_RECORD_PARTS_H
#define CONFLICT_RECORD_PARTS_H

#include "conflict/record.h"

/* What the files of the record share with each other and with nobody else. */

/* Hashes agree as far as both are held: entries read from a row know only the first bytes. */
static inline bool history_hash_equal(struct hash a, struct hash b)
{
    return memcmp(a.bytes, b.bytes, HISTORY_HASH_SIZE) == 0;
}

static inline bool dot_index_equal(struct dot_index a, struct dot_index b)
{
    return a.replica == b.replica && a.rseq == b.rseq;
}

/* The context covers the dot. */
bool ctx_covers(const struct dot_index *ctx, size_t count, struct dot_index dot);
int record_dot_index_compare(const struct record *record, struct dot_index a, struct dot_index b);
/* Entry of a dot by index, never a forked one; one that is applied before one that is parked. */
struct history_entry *record_entry(const struct record *record, struct dot_index dot);
/* Finds or inserts an empty register. */
struct status record_register_make(struct record *record, struct part_id part, uint32_t number,
                                   struct record_register **out_register) MUST_CHECK;

/* record_rights.c: why the change is void, as a static word, or NULL. All its dependencies are held. */
const char *record_void_reason(const struct record *record, const struct change *change,
                               const struct registry *registry);
/* The part of it that needs nothing of the record; registry.size is at least `reg`. */
const char *change_void_reason(const struct change *change, const struct registry *registry);
/* A dot that grants `scope` the right to write: an applied route into it, or a create of the hub in it. */
bool record_grants(const struct record *record, struct dot_index grant, struct scope_id scope);

/* record_late.c: written from `scope` by its node with this grant (rseq 0: none), after a route out that lacks it. */
bool record_dot_is_late(const struct record *record, struct dot_index dot, struct dot_index grant);

/* record_erase.c */
bool record_covers_erased(const struct record *record, enum class class, struct part_id part, struct dot_index dot);
/* Sets or clears SIBLING_ERASED everywhere, after something changed that it depends on. */
void record_refresh_erased(struct record *record);

/* record_show.c */
uint64_t value_fingerprint(struct span value);
/* Field 1 of a canonical encoding, if it is a varint there; 0 if absent: the enum or bool of a status, flag, presence.
 */
uint64_t value_first_number(struct span value);

#endif
