/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/tree.h"

#include <assert.h>

void tree_leaf_hash(const struct crypto *crypto, struct span leaf, struct hash *out_hash)
{
    static const uint8_t prefix[1] = {0x00};
    const struct span parts[] = {{prefix, sizeof prefix}, leaf};
    crypto->sha256(crypto->owner, parts, 2, out_hash);
}

void tree_node_hash(const struct crypto *crypto, const struct hash *left, const struct hash *right,
                    struct hash *out_hash)
{
    /* One part instead of three: half of all hashing of a log happens here. */
    uint8_t bytes[65];
    bytes[0] = 0x01;
    memcpy(bytes + 1, left->bytes, 32);
    memcpy(bytes + 33, right->bytes, 32);
    const struct span part = {bytes, sizeof bytes};
    crypto->sha256(crypto->owner, &part, 1, out_hash);
}

void tree_range_init(struct tree_range *range)
{
    *range = (struct tree_range){.size = 0};
}

static void append_one(struct tree_range *range, const struct crypto *crypto, const struct hash *leaf)
{
    /* Binary increment: each carry joins two perfect subtrees. */
    struct hash carry = *leaf;
    uint32_t level = 0;
    while (range->size >> level & 1) {
        tree_node_hash(crypto, &range->nodes[level], &carry, &carry);
        level++;
    }
    range->nodes[level] = carry;
    range->size++;
}

struct status tree_range_append(struct tree_range *range, const struct crypto *crypto, const struct hash *leaf)
{
    return tree_range_append_all(range, crypto, leaf, 1);
}

struct status tree_range_append_all(struct tree_range *range, const struct crypto *crypto, const struct hash *leaves,
                                    size_t count)
{
    if (range->size > LIMIT_TREE_SIZE || count > LIMIT_TREE_SIZE - range->size) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    for (size_t i = 0; i < count; i++) {
        append_one(range, crypto, &leaves[i]);
    }
    return status_ok();
}

void tree_range_root(const struct tree_range *range, const struct crypto *crypto, struct hash *out_root)
{
    if (range->size == 0) {
        crypto->sha256(crypto->owner, NULL, 0, out_root);
        return;
    }
    struct hash root = {{0}};
    bool started = false;
    for (uint32_t level = 0; level < 64; level++) {
        if (!(range->size >> level & 1)) {
            continue;
        }
        if (started) {
            tree_node_hash(crypto, &range->nodes[level], &root, &root);
        } else {
            root = range->nodes[level];
            started = true;
        }
    }
    *out_root = root;
}

void tree_range_write(const struct tree_range *range, struct buffer *buffer)
{
    buffer_add_be64(buffer, range->size);
    for (uint32_t level = 64; level-- > 0;) {
        if (range->size >> level & 1) {
            buffer_add(buffer, range->nodes[level].bytes, 32);
        }
    }
}

struct status tree_range_read(struct reader *reader, struct tree_range *out_range)
{
    struct tree_range range = {.size = reader_be64(reader)};
    if (range.size > LIMIT_TREE_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    for (uint32_t level = 64; level-- > 0;) {
        if (!(range.size >> level & 1)) {
            continue;
        }
        struct span bytes = reader_bytes(reader, 32);
        if (reader->failed) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        memcpy(range.nodes[level].bytes, bytes.data, 32);
    }
    if (reader->failed) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_range = range;
    return status_ok();
}
