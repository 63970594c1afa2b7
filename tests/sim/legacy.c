/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/legacy.h"

#include <string.h>

static const char *const codes[COMPLAINT_STATUS_COUNT] = {
    [COMPLAINT_BELUM_VERIFIKASI] = "baru", [COMPLAINT_TUNDA] = "baru",
    [COMPLAINT_TERVERIFIKASI] = "jalan",   [COMPLAINT_PROSES] = "jalan",
    [COMPLAINT_SELESAI] = "selesai",       [COMPLAINT_BUKAN_WEWENANG] = "tolak",
    [COMPLAINT_ARSIP] = "arsip",           [COMPLAINT_ESKALASI_OMBUDSMAN] = NULL,
};

const char *status_code(enum complaint_status status)
{
    return codes[status];
}

enum complaint_status status_of_code(const char *code)
{
    static const enum complaint_status reads[] = {COMPLAINT_BELUM_VERIFIKASI, COMPLAINT_PROSES, COMPLAINT_SELESAI,
                                                  COMPLAINT_BUKAN_WEWENANG, COMPLAINT_ARSIP};
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        if (strcmp(code, codes[reads[i]]) == 0) {
            return reads[i];
        }
    }
    return COMPLAINT_NONE;
}

enum column column_of(enum field field)
{
    static const enum column columns[FIELD_COUNT] = {COLUMN_REASON, COLUMN_FLAG, COLUMN_TITLE, COLUMN_TEXT};
    return columns[field];
}

const char *column_name(enum column column)
{
    static const char *const names[COLUMN_COUNT] = {"judul", "isi", "status", "alasan", "rahasia"};
    return names[column];
}

struct span text_span(const struct text *text)
{
    return span_of(text->bytes, strlen(text->bytes));
}

bool text_equal(const struct text *a, const struct text *b)
{
    return a->null == b->null && strcmp(a->bytes, b->bytes) == 0;
}

size_t seen_number(struct span text)
{
    for (size_t i = 0; i + 1 < text.size; i++) {
        size_t number = 0;
        size_t k = i + 1;
        while (text.data[i] == 'v' && k < text.size && text.data[k] >= '0' && text.data[k] <= '9') {
            number = number * 10 + (size_t)(text.data[k++] - '0');
        }
        if (k > i + 1 && number < EDITS) {
            return number;
        }
    }
    return 0;
}

size_t row_edit(const struct row *row, enum field field)
{
    return field == FIELD_FLAG || field == FIELD_REFS ? 0 : seen_number(text_span(&row->columns[column_of(field)]));
}

bool row_is_fresh(const struct row *row, enum field field)
{
    return row->fresh[field] &&
           (!text_equal(&row->columns[column_of(field)], &row->base[column_of(field)]) ||
            (field == FIELD_STATUS && !text_equal(&row->columns[COLUMN_STATUS], &row->base[COLUMN_STATUS])));
}

void row_settle(struct row *row, enum field field)
{
    if (field == FIELD_REFS) {
        return;
    }
    row->fresh[field] = false;
    row->base[column_of(field)] = row->columns[column_of(field)];
    if (field == FIELD_STATUS) {
        row->base[COLUMN_STATUS] = row->columns[COLUMN_STATUS];
    }
}

struct row *legacy_row(struct legacy *legacy, uint32_t key)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (legacy->rows[i].there && legacy->rows[i].key == key) {
            return &legacy->rows[i];
        }
    }
    return NULL;
}

struct row *legacy_insert(struct legacy *legacy, uint32_t born, bool may_reuse)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &legacy->rows[i];
        if (row->there) {
            continue;
        }
        *row = (struct row){.there = true, .born = born};
        if (legacy->reusable && may_reuse) {
            row->key = legacy->reusable;
            legacy->reusable = 0;
        } else {
            row->key = ++legacy->next_key;
        }
        for (size_t c = 0; c < COLUMN_COUNT; c++) {
            row->columns[c].null = true;
        }
        return row;
    }
    return NULL;
}

void legacy_put(const struct legacy *legacy, struct row *row, enum column column, const char *bytes, size_t size)
{
    struct text *text = &row->columns[column];
    *text = (struct text){.null = size == 0};
    size_t room = legacy->cut_texts && column <= COLUMN_TEXT ? TEXT_CUT : TEXT_SIZE - 2;
    size = size < room ? size : room;
    if (size > 0) {
        memcpy(text->bytes, bytes, size);
    }
    if (legacy->trigger && column == COLUMN_TITLE && size > 0 && bytes[size - 1] != '.') {
        text->bytes[size] = '.';
    }
}

struct shadow_row *legacy_shadow(struct legacy *legacy, uint32_t key)
{
    for (size_t i = 0; i < SHADOWS; i++) {
        if (legacy->shadows[i].there && legacy->shadows[i].key == key) {
            return &legacy->shadows[i];
        }
    }
    return NULL;
}
