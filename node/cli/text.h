/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_CLI_TEXT_H
#define NODE_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* What the CLI says, in two languages. A text is named by its English form; text_table.c holds the Indonesian one. Proved
 * by tests/unit/cli/test_text.c: no text twice, the same conversions in the same order in both. */

struct text {
    const char *english, *indonesian;
};

extern const struct text text_table[];
extern const size_t text_count;

/* English at start. */
void text_language(bool indonesian);
bool text_is_indonesian(void);
/* The text in the chosen language; as given when the table does not hold it. */
const char *say(const char *english) __attribute__((format_arg(1)));

#endif
