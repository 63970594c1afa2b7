/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/entry.h"
#include "proto/limits.h"
#include "proto/value.h"
#include "tests/fuzz/budget.h"

/* Any bytes as a body, its values by their registers, and a registry entry: refused, or stable once written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_value(const struct body_value *raw, struct arena *arena)
{
    struct value value;
    struct span once;
    struct span twice;
    if (!status_is_ok(value_read_register(raw->number, raw->bytes, arena, &value))) {
        return;
    }
    /* Foreign bytes may say the same in more or fewer bytes: only what is too long for one field may fail. */
    struct status s = value_write(&value, arena, &once);
    REQUIRE(status_is_ok(s) || s.code == STATUS_LIMIT);
    if (status_is_ok(s)) {
        REQUIRE(status_is_ok(value_read_register(raw->number, once, arena, &value)));
        REQUIRE(status_is_ok(value_write(&value, arena, &twice)));
        REQUIRE(span_equal(once, twice));
    }
}

static void fuzz_entry(struct span bytes, struct arena *arena)
{
    for (uint32_t kind = KIND_EPOCH_OPEN; kind <= KIND_REG_SETTINGS; kind++) {
        struct registry_entry entry;
        struct span once;
        if (status_is_ok(registry_entry_read((enum kind)kind, bytes, arena, &entry))) {
            REQUIRE(status_is_ok(registry_entry_write(&entry, arena, &once)));
            REQUIRE(status_is_ok(registry_entry_read((enum kind)kind, once, arena, &entry)));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = budget_arena(16 * 1024 * 1024);
    struct body body;
    struct span once;
    struct status s = body_read(span_of(data, size), &arena, &body);
    REQUIRE(s.code != STATUS_NO_MEMORY);
    if (status_is_ok(s)) {
        for (size_t i = 0; i < body.count; i++) {
            fuzz_value(&body.values[i], &arena);
        }
        fuzz_entry(body.registry, &arena);
        s = body_write(&body, &arena, &once);
        REQUIRE(status_is_ok(s) || s.code == STATUS_LIMIT);
        struct span twice;
        if (status_is_ok(s)) {
            REQUIRE(status_is_ok(body_read(once, &arena, &body)));
            REQUIRE(status_is_ok(body_write(&body, &arena, &twice)) && span_equal(once, twice));
        }
    }
    arena_release(&arena);
    return 0;
}
