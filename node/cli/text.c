/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cli/text.h"

#include <string.h>

static bool in_indonesian;

void text_language(bool indonesian)
{
    in_indonesian = indonesian;
}

bool text_is_indonesian(void)
{
    return in_indonesian;
}

const char *say(const char *english)
{
    for (size_t i = 0; in_indonesian && english && i < text_count; i++) {
        if (strcmp(text_table[i].english, english) == 0) {
            return text_table[i].indonesian;
        }
    }
    return english;
}
