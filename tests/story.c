/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* STORY='a_record_that_returns*' PROGRAM runs only the cases of that name; * and ? stand for any characters. Linked
 * into every cmocka program. */
__attribute__((constructor)) static void story_choose(void)
{
    const char *pattern = getenv("STORY");
    if (pattern) {
        cmocka_set_test_filter(pattern);
    }
}
