/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/note.h"

#define PREFIX "sync."
#define PREFIX_SIZE (sizeof PREFIX - 1)

struct status deployment_check(struct span deployment)
{
    if (deployment.size == 0) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    if (deployment.size > LIMIT_DEPLOYMENT_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    for (size_t i = 0; i < deployment.size; i++) {
        uint8_t c = deployment.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-') {
            return STATUS_MAKE(STATUS_INVALID);
        }
    }
    return status_ok();
}

static struct span node_span(const struct node_id *node)
{
    return span_of(node->text, node_id_size(*node));
}

static struct span scope_span(const struct scope_id *scope)
{
    return span_of(scope->text, scope_id_size(*scope));
}

struct status origin_write(struct span deployment, const struct stream_id *stream, struct arena *arena,
                           struct span *out_origin)
{
    struct node_id node;
    struct scope_id scope;
    TRY(deployment_check(deployment));
    TRY(node_id_parse(node_span(&stream->node), &node));
    TRY(scope_id_parse(scope_span(&stream->scope), &scope));
    if (stream->epoch == 0) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add_span(&buffer, span_text(PREFIX));
    buffer_add_span(&buffer, deployment);
    buffer_add_span(&buffer, span_text("/o/"));
    buffer_add_span(&buffer, node_span(&stream->node));
    buffer_add_u8(&buffer, '/');
    decimal_write(&buffer, stream->epoch);
    buffer_add_u8(&buffer, '/');
    buffer_add_span(&buffer, scope_span(&stream->scope));
    return buffer_end(&buffer, out_origin);
}

struct status cosigner_name_write(struct span deployment, struct node_id node, struct arena *arena,
                                  struct span *out_name)
{
    struct node_id checked;
    TRY(deployment_check(deployment));
    TRY(node_id_parse(node_span(&node), &checked));
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add_span(&buffer, span_text(PREFIX));
    buffer_add_span(&buffer, deployment);
    buffer_add_span(&buffer, span_text("/w/"));
    buffer_add_span(&buffer, node_span(&node));
    return buffer_end(&buffer, out_name);
}

/* Cuts the text up to the next '/' or the end off the front. */
static struct span segment_take(struct span *rest)
{
    size_t size = 0;
    while (size < rest->size && rest->data[size] != '/') {
        size++;
    }
    struct span segment = span_of(rest->data, size);
    size_t skip = size < rest->size ? size + 1 : size;
    *rest = span_of(rest->data + skip, rest->size - skip);
    return segment;
}

/* sync.<deployment>/<letter>/ ; leaves rest behind it. */
static struct status prefix_parse(struct span text, const char *letter, struct span *out_deployment,
                                  struct span *out_rest)
{
    if (text.size == 0) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct span rest = text;
    struct span head = segment_take(&rest);
    if (head.size < PREFIX_SIZE || memcmp(head.data, PREFIX, PREFIX_SIZE) != 0 ||
        !span_equal(segment_take(&rest), span_text(letter))) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct span deployment = span_of(head.data + PREFIX_SIZE, head.size - PREFIX_SIZE);
    TRY(deployment_check(deployment));
    *out_deployment = deployment;
    *out_rest = rest;
    return status_ok();
}

static struct status epoch_parse(struct span text, uint32_t *out_epoch)
{
    uint64_t value;
    TRY(decimal_read(text, &value));
    if (value == 0 || value > UINT32_MAX) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    *out_epoch = (uint32_t)value;
    return status_ok();
}

struct status origin_parse(struct span origin, struct span *out_deployment, struct stream_id *out_stream)
{
    struct span deployment;
    struct span rest;
    struct stream_id stream = {.epoch = 0};
    if (origin.size > LIMIT_ORIGIN_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    TRY(prefix_parse(origin, "o", &deployment, &rest));
    TRY(node_id_parse(segment_take(&rest), &stream.node));
    TRY(epoch_parse(segment_take(&rest), &stream.epoch));
    /* What is left is the scope: a further '/' is not of its alphabet, and an absent one is too short. */
    TRY(scope_id_parse(rest, &stream.scope));
    *out_deployment = deployment;
    *out_stream = stream;
    return status_ok();
}

struct status cosigner_name_parse(struct span name, struct span *out_deployment, struct node_id *out_node)
{
    struct span deployment;
    struct span rest;
    struct node_id node;
    if (name.size > LIMIT_ORIGIN_SIZE) {
        return STATUS_MAKE(STATUS_LIMIT);
    }
    TRY(prefix_parse(name, "w", &deployment, &rest));
    TRY(node_id_parse(rest, &node));
    *out_deployment = deployment;
    *out_node = node;
    return status_ok();
}
