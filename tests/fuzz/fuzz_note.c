/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/note.h"
#include "tests/fuzz/budget.h"

/* Any bytes as a signed checkpoint: refused with a sentence, or its parts written again are the same bytes; and as an
 * origin and a cosigner's name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct note *note, struct span bytes, struct arena *arena)
{
    struct buffer b;
    struct span again;
    buffer_init(&b, arena);
    buffer_add_span(&b, note->origin);
    buffer_add_u8(&b, '\n');
    decimal_write(&b, note->size);
    buffer_add_u8(&b, '\n');
    base64_write(&b, span_of(note->root.bytes, sizeof note->root.bytes));
    buffer_add(&b, "\n\n", 2);
    REQUIRE(note->signature_count >= 1 && note->signature_count <= LIMIT_NOTE_SIGNATURES);
    for (size_t i = 0; i < note->signature_count; i++) {
        buffer_add_span(&b, note->signatures[i].line);
    }
    REQUIRE(status_is_ok(buffer_end(&b, &again)) && span_equal(bytes, again));
}

static void fuzz_names(struct span bytes, struct arena *arena)
{
    struct span deployment;
    struct span again;
    struct stream_id stream;
    struct node_id node;
    if (status_is_ok(origin_parse(bytes, &deployment, &stream))) {
        REQUIRE(status_is_ok(origin_write(deployment, &stream, arena, &again)) && span_equal(bytes, again));
    }
    if (status_is_ok(cosigner_name_parse(bytes, &deployment, &node))) {
        REQUIRE(status_is_ok(cosigner_name_write(deployment, node, arena, &again)) && span_equal(bytes, again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = budget_arena(4 * 1024 * 1024);
    struct span bytes = span_of(data, size);
    struct note note;
    struct fault fault = {0};
    struct status s = note_parse(bytes, &arena, &note, &fault);
    REQUIRE(s.code != STATUS_NO_MEMORY);
    REQUIRE(status_is_ok(s) || (fault.what && fault.at <= size));
    if (status_is_ok(s)) {
        struct span same;
        struct note again;
        write_again(&note, bytes, &arena);
        fuzz_names(note.origin, &arena);
        REQUIRE(status_is_ok(note_add_line(&note, note.signatures[0].line, &arena, &same, NULL)));
        REQUIRE(status_is_ok(note_parse(same, &arena, &again, NULL)) && again.signature_count == note.signature_count);
    }
    fuzz_names(bytes, &arena);
    arena_release(&arena);
    return 0;
}
