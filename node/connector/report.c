/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/connector/driver.h"

static void report_add(struct report *report, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (size < 0) {
        return;
    }
    char *text = realloc(report->text, report->size + (size_t)size + 2);
    if (!text) {
        return;
    }
    report->text = text;
    vsnprintf(text + report->size, (size_t)size + 1, format, arguments);
    report->size += (size_t)size;
    text[report->size++] = '\n';
    text[report->size] = 0;
}

void report_line(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_add(report, format, arguments);
    va_end(arguments);
}

void report_problem(struct report *report, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    report_add(report, format, arguments);
    va_end(arguments);
    report->problems++;
}

void report_release(struct report *report)
{
    free(report->text);
    *report = (struct report){0};
}
