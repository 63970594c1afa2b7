/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "sync/capture_work.h"

/* Derived ids, and small questions that several files ask. */

static void be32(uint8_t out[4], uint32_t value)
{
    for (size_t i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * (3 - i)));
    }
}

/* A frame of sizes before the bytes: no two lists give the same input. */
#define FRAME_PARTS (2 + 3 * 2 + LIMIT_COLUMNS * 2 + 1)

static void derive(const struct capture_source *source, const char *domain, struct span table, struct span key,
                   const struct shadow_cell *identity, size_t identity_count, uint32_t counter, struct hash *out_hash)
{
    assert(identity_count <= LIMIT_COLUMNS);
    struct span parts[FRAME_PARTS];
    uint8_t sizes[3 + LIMIT_COLUMNS][4];
    uint8_t count[4];
    size_t n = 0;
    parts[n++] = span_of(domain, strlen(domain) + 1);
    const struct span names[] = {source->system, table, key};
    for (size_t i = 0; i < 3; i++) {
        be32(sizes[i], (uint32_t)names[i].size);
        parts[n++] = span_of(sizes[i], 4);
        parts[n++] = names[i];
    }
    for (size_t i = 0; i < identity_count; i++) {
        be32(sizes[3 + i], identity[i].null ? UINT32_MAX : (uint32_t)identity[i].bytes.size);
        parts[n++] = span_of(sizes[3 + i], 4);
        if (!identity[i].null) {
            parts[n++] = identity[i].bytes;
        }
    }
    be32(count, counter);
    parts[n++] = span_of(count, sizeof count);
    source->crypto->hmac(source->crypto->owner, source->secret, parts, n, out_hash);
}

void capture_nonce(const struct capture_source *source, struct span table, struct span key,
                   const struct shadow_cell *identity, size_t identity_count, uint32_t counter, uint8_t out_nonce[32])
{
    struct hash hash;
    derive(source, "simpul/row/v1", table, key, identity, identity_count, counter, &hash);
    memcpy(out_nonce, hash.bytes, sizeof hash.bytes);
}

struct part_id capture_part_id(const struct capture_source *source, struct span table, struct span key,
                               const struct shadow_cell *identity, size_t identity_count, uint32_t counter)
{
    struct hash hash;
    struct part_id part;
    derive(source, "simpul/part/v1", table, key, identity, identity_count, counter, &hash);
    memcpy(part.bytes, hash.bytes, sizeof part.bytes);
    return part;
}

struct record_id capture_record_id(const struct capture_source *source, struct span nonce)
{
    static const char domain[] = "simpul/record/v1"; /* with its final zero byte */
    static const uint8_t zero = 0;
    struct hash hash;
    struct record_id id;
    const struct span parts[] = {span_of(domain, sizeof domain), span_of(source->self.text, node_id_size(source->self)),
                                 span_of(&zero, 1), nonce};
    source->crypto->sha256(source->crypto->owner, parts, sizeof parts / sizeof parts[0], &hash);
    memcpy(id.bytes, hash.bytes, sizeof id.bytes);
    return id;
}

void capture_value_digest(const struct capture_source *source, struct span value, struct hash *out_hash)
{
    source->crypto->sha256(source->crypto->owner, &value, 1, out_hash);
}

bool capture_value_is(const struct capture_source *source, struct span value, const struct hash *digest)
{
    struct hash hash;
    capture_value_digest(source, value, &hash);
    return hash_equal(hash, *digest);
}

bool capture_has_left(const struct capture_source *source, const struct record *record)
{
    static const struct scope_id all = {.text = {0}};
    return !scope_id_equal(source->scope, all) && !scope_id_equal(source->scope, record_owner(record));
}

bool capture_is_own(const struct capture_source *source, struct replica replica)
{
    return replica.lane == source->lane && node_id_equal(replica.node, source->self);
}

bool capture_is_flag(uint32_t number)
{
    return number == REG_CONFIDENTIAL || number == REG_ANONYMOUS;
}

const struct capture_register *capture_row_register(const struct capture_row *row, uint32_t number)
{
    for (size_t i = 0; i < row->register_count; i++) {
        if (row->registers[i].number == number) {
            return &row->registers[i];
        }
    }
    return NULL;
}

struct status capture_read_flag(struct span value, struct arena *arena, bool *out_flag)
{
    struct value decoded;
    TRY(value_read(VALUE_FLAG, value, arena, &decoded));
    *out_flag = decoded.flag;
    return status_ok();
}

struct status capture_read_status(struct span value, struct arena *arena, enum complaint_status *out_status)
{
    struct value decoded;
    TRY(value_read(VALUE_STATUS, value, arena, &decoded));
    *out_status = decoded.status.status;
    return status_ok();
}

const char *capture_wait_text(enum capture_wait wait)
{
    static const char *const texts[] = {
        [WAIT_NONE] = "nothing is waited for",
        [WAIT_HELLO] = "the store was restored; the hub has to be reached first",
        [WAIT_OWN_LEAVES] = "own changes of this complaint have not all come back from the hub yet",
        [WAIT_FOREIGN] = "a change that the row already shows has not been received again yet",
        [WAIT_RECORD] = "the complaint has not been received yet",
        [WAIT_PARENT] = "the complaint of this follow-up is not captured yet",
        [WAIT_ACK] = "the hub has not acknowledged the value in the row yet",
        [WAIT_GRACE] = "the row is gone; it may be inserted again",
        [WAIT_PERSON] = "a person has to decide",
        [WAIT_UNREADABLE] = "the value is not held here yet",
        [WAIT_CLAIM] = "another row of this table may be the same and is captured first",
    };
    return texts[wait];
}
