/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/message.h"
#include "tests/fuzz/budget.h"

/* The first byte chooses the message, the rest is what a peer sent: refused within the memory of one message, or stable
 * once written. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ(name)                                                                                                     \
    static void fuzz_##name(struct span bytes, struct arena *arena)                                                    \
    {                                                                                                                  \
        struct name m;                                                                                                 \
        struct span once;                                                                                              \
        struct span twice;                                                                                             \
        struct status s = name##_read(bytes, arena, &m);                                                               \
        REQUIRE(s.code != STATUS_NO_MEMORY);                                                                           \
        if (status_is_ok(s) && status_is_ok(name##_write(&m, arena, &once))) {                                         \
            REQUIRE(status_is_ok(name##_read(once, arena, &m)));                                                       \
            REQUIRE(status_is_ok(name##_write(&m, arena, &twice)));                                                    \
            REQUIRE(span_equal(once, twice));                                                                          \
        }                                                                                                              \
    }
FUZZ(hello)
FUZZ(hello_answer)
FUZZ(push)
FUZZ(push_answer)
FUZZ(pull)
FUZZ(pull_answer)
FUZZ(bodies_ask)
FUZZ(bodies_answer)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const kinds[])(struct span bytes, struct arena *arena) = {
        fuzz_hello, fuzz_hello_answer, fuzz_push,       fuzz_push_answer,
        fuzz_pull,  fuzz_pull_answer,  fuzz_bodies_ask, fuzz_bodies_answer,
    };
    if (size == 0) {
        return 0;
    }
    /* Two readings of at most LIMIT_MESSAGE_MEMORY, two writings, and what chunks of the arena leave unused. */
    struct arena arena = budget_arena((size_t)4 * LIMIT_MESSAGE_MEMORY);
    kinds[data[0] % (sizeof kinds / sizeof kinds[0])](span_of(data + 1, size - 1), &arena);
    arena_release(&arena);
    return 0;
}
