/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ids.h"

#include "proto/limits.h"

/* The alphabet of node ids and scopes: safe in an origin, a file name and a URL without escaping. */
static bool text_is_code(struct span text)
{
    if (text.size == 0 || text.size > LIMIT_NODE_ID_SIZE) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.')) {
            return false;
        }
    }
    return true;
}

static size_t code_size(const char text[LIMIT_NODE_ID_SIZE])
{
    size_t size = 0;
    while (size < LIMIT_NODE_ID_SIZE && text[size] != 0) {
        size++;
    }
    return size;
}

struct status node_id_parse(struct span text, struct node_id *out_id)
{
    if (!text_is_code(text)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_id = (struct node_id){{0}};
    memcpy(out_id->text, text.data, text.size);
    return status_ok();
}

struct status scope_id_parse(struct span text, struct scope_id *out_id)
{
    if (!text_is_code(text)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_id = (struct scope_id){{0}};
    memcpy(out_id->text, text.data, text.size);
    return status_ok();
}

size_t node_id_size(struct node_id id)
{
    return code_size(id.text);
}

size_t scope_id_size(struct scope_id id)
{
    return code_size(id.text);
}

struct scope_id scope_of_node(struct node_id node)
{
    struct scope_id scope;
    memcpy(scope.text, node.text, sizeof scope.text);
    return scope;
}

static void hex_write(const uint8_t *bytes, size_t size, char *out_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out_text[2 * i] = digits[bytes[i] >> 4];
        out_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    out_text[2 * size] = 0;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void record_id_text(struct record_id id, char out_text[33])
{
    hex_write(id.bytes, sizeof id.bytes, out_text);
}

void hash_text(struct hash hash, char out_text[65])
{
    hex_write(hash.bytes, sizeof hash.bytes, out_text);
}

struct status record_id_parse(struct span text, struct record_id *out_id)
{
    struct record_id id;
    if (text.size != 2 * sizeof id.bytes) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        int high = hex_digit(text.data[2 * i]);
        int low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0) {
            return STATUS_MAKE(STATUS_INVALID);
        }
        id.bytes[i] = (uint8_t)(high * 16 + low);
    }
    *out_id = id;
    return status_ok();
}

int node_id_compare(struct node_id a, struct node_id b)
{
    return memcmp(a.text, b.text, sizeof a.text);
}

int scope_id_compare(struct scope_id a, struct scope_id b)
{
    return memcmp(a.text, b.text, sizeof a.text);
}

int replica_compare(struct replica a, struct replica b)
{
    int c = node_id_compare(a.node, b.node);
    if (c != 0) {
        return c;
    }
    if (a.epoch != b.epoch) {
        return a.epoch < b.epoch ? -1 : 1;
    }
    return a.lane < b.lane ? -1 : a.lane > b.lane ? 1 : 0;
}

int dot_compare(struct dot a, struct dot b)
{
    int c = replica_compare(a.replica, b.replica);
    if (c != 0) {
        return c;
    }
    return a.rseq < b.rseq ? -1 : a.rseq > b.rseq ? 1 : 0;
}
