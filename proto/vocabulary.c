/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/vocabulary.h"

#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

static const struct kind_info kinds[] = {
    /* kind, name, shape, needs registers, makes a part, may have a body */
    {KIND_CREATE, "create", SHAPE_CHANGE, true, false, true},
    {KIND_EDIT, "edit", SHAPE_CHANGE, true, false, true},
    {KIND_STALE_EDIT, "stale_edit", SHAPE_CHANGE, true, false, true},
    {KIND_LOOSEN, "loosen", SHAPE_CHANGE, true, false, false},
    {KIND_NOTE, "note", SHAPE_CHANGE, true, true, true},
    {KIND_ATTACH, "attach", SHAPE_CHANGE, true, true, true},
    {KIND_ERASE, "erase", SHAPE_CHANGE, false, false, false},
    {KIND_ERASED, "erased", SHAPE_CHANGE, false, false, false},
    {KIND_ROUTE, "route", SHAPE_CHANGE, true, false, false},
    {KIND_RELAY, "relay", SHAPE_POINTER, false, false, false},
    {KIND_CLAMP, "clamp", SHAPE_POINTER, false, false, false},
    {KIND_EPOCH_OPEN, "epoch_open", SHAPE_EPOCH, false, false, true},
    {KIND_REG_HUB, "reg_hub", SHAPE_REGISTRY, false, false, true},
    {KIND_REG_NODE, "reg_node", SHAPE_REGISTRY, false, false, true},
    {KIND_REG_EPOCH, "reg_epoch", SHAPE_REGISTRY, false, false, true},
    {KIND_REG_KEY, "reg_key", SHAPE_REGISTRY, false, false, true},
    {KIND_REG_ROLE, "reg_role", SHAPE_REGISTRY, false, false, true},
    {KIND_REG_CUT, "reg_cut", SHAPE_REGISTRY, false, false, true},
    {KIND_REG_SETTINGS, "reg_settings", SHAPE_REGISTRY, false, false, true},
};

const struct kind_info *kind_info(uint32_t kind)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if ((uint32_t)kinds[i].kind == kind) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* merge.md, "Registers". Of the texts only the complaint itself asks for a person. */
static const struct register_info registers[] = {
    /* number, name, type, show, person, hub only, of a part */
    {REG_STATUS, "status", VALUE_STATUS, SHOW_STATUS, PERSON_PATH, false, false},
    {REG_CLASS, "class", VALUE_CLASS, SHOW_HUB_FIRST, PERSON_INFORMS, false, false},
    {REG_CHANNEL, "channel", VALUE_CHANNEL, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_TIME_INCIDENT, "time_incident", VALUE_TIME, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_TIME_RECEIVED, "time_received", VALUE_TIME, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_TIME_VERIFIED, "time_verified", VALUE_TIME, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_TIME_DISPOSED, "time_disposed", VALUE_TIME, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_TIME_FOLLOWED_UP, "time_followed_up", VALUE_TIME, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_TIME_CLOSED, "time_closed", VALUE_TIME, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_ASSIGN, "assign", VALUE_ASSIGN, SHOW_REGENCY_FIRST, PERSON_INFORMS, false, false},
    {REG_ROUTE, "route", VALUE_SCOPE, SHOW_TIME, PERSON_NEVER, true, false},
    {REG_ROUTE_REQUEST, "route_request", VALUE_REQUEST, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_CONFIDENTIAL, "confidential", VALUE_FLAG, SHOW_STRICT, PERSON_INFORMS, false, false},
    {REG_ANONYMOUS, "anonymous", VALUE_FLAG, SHOW_STRICT, PERSON_INFORMS, false, false},
    {REG_PRESENCE, "presence", VALUE_PRESENCE, SHOW_PRESENCE, PERSON_ALWAYS, false, false},
    {REG_RATING, "rating", VALUE_NUMBER, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_SAME_AS, "same_as", VALUE_RECORD, SHOW_TIME, PERSON_NEVER, true, false},
    {REG_TITLE, "title", VALUE_TEXT, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_TEXT, "text", VALUE_TEXT, SHOW_TIME, PERSON_ALWAYS, false, false},
    {REG_PLACE, "place", VALUE_PLACE, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_CLOSING, "closing", VALUE_TEXT, SHOW_TIME, PERSON_INFORMS, false, false},
    {REG_REFS, "refs", VALUE_REFS, SHOW_UNION, PERSON_NEVER, false, false},
    {REG_NOTE_TEXT, "note_text", VALUE_TEXT, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_NOTE_INTERNAL, "note_internal", VALUE_FLAG, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_NOTE_AUTHOR, "note_author", VALUE_TEXT, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_NOTE_AT, "note_at", VALUE_TIME, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_NOTE_HIDDEN, "note_hidden", VALUE_FLAG, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_ATTACH_NAME, "attach_name", VALUE_TEXT, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_ATTACH_TYPE, "attach_type", VALUE_TEXT, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_ATTACH_SIZE, "attach_size", VALUE_NUMBER, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_ATTACH_HASH, "attach_hash", VALUE_BYTES, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_ATTACH_HIDDEN, "attach_hidden", VALUE_FLAG, SHOW_TIME, PERSON_INFORMS, false, true},
    {REG_REPORTER, "reporter", VALUE_SEALED, SHOW_TIME, PERSON_ALWAYS, false, false},
};

const struct register_info *register_info(uint32_t number)
{
    size_t low = 0;
    size_t high = COUNT_OF(registers);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (registers[middle].number == number) {
            return &registers[middle];
        }
        if (registers[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool word_equal(const char *a, const char *b)
{
    size_t size = strlen(a);
    return strlen(b) == size && memcmp(a, b, size) == 0;
}

const struct register_info *register_by_name(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(registers); i++) {
        if (word_equal(registers[i].name, name)) {
            return &registers[i];
        }
    }
    return NULL;
}

const struct register_info *register_table(size_t *out_count)
{
    *out_count = COUNT_OF(registers);
    return registers;
}

/* Words by number. A number outside the table is "?"; no name leads to number 0. */

static const char *const role_words[ROLE_COUNT] = {
    [ROLE_NONE] = "none",         [ROLE_CLERK] = "clerk",         [ROLE_ADMIN] = "admin",
    [ROLE_NATIONAL] = "national", [ROLE_OMBUDSMAN] = "ombudsman", [ROLE_AUTOMATIC] = "automatic",
    [ROLE_PROVINCE] = "province", [ROLE_AUDITOR] = "auditor",
};

static const char *const status_words[COMPLAINT_STATUS_COUNT] = {
    [COMPLAINT_NONE] = "none",
    [COMPLAINT_BELUM_VERIFIKASI] = "belum_verifikasi",
    [COMPLAINT_TUNDA] = "tunda",
    [COMPLAINT_TERVERIFIKASI] = "terverifikasi",
    [COMPLAINT_PROSES] = "proses",
    [COMPLAINT_SELESAI] = "selesai",
    [COMPLAINT_BUKAN_WEWENANG] = "bukan_wewenang",
    [COMPLAINT_ARSIP] = "arsip",
    [COMPLAINT_ESKALASI_OMBUDSMAN] = "eskalasi_ombudsman",
};

static const char *const classification_words[CLASSIFICATION_COUNT] = {
    [CLASSIFICATION_NONE] = "none",
    [CLASSIFICATION_PENGADUAN] = "pengaduan",
    [CLASSIFICATION_ASPIRASI] = "aspirasi",
    [CLASSIFICATION_PERMINTAAN_INFORMASI] = "permintaan_informasi",
};

static const char *const channel_words[CHANNEL_COUNT] = {
    [CHANNEL_NONE] = "none",         [CHANNEL_WEB] = "web",
    [CHANNEL_SMS] = "sms",           [CHANNEL_X] = "x",
    [CHANNEL_ANDROID] = "android",   [CHANNEL_IOS] = "ios",
    [CHANNEL_WHATSAPP] = "whatsapp", [CHANNEL_QR] = "qr",
    [CHANNEL_WALK_IN] = "walk_in",   [CHANNEL_LETTER] = "letter",
    [CHANNEL_BOX] = "box",           [CHANNEL_EMAIL] = "email",
    [CHANNEL_PHONE] = "phone",       [CHANNEL_RADIO] = "radio",
    [CHANNEL_EVENT] = "event",       [CHANNEL_LEGACY] = "legacy",
};

static const char *word_of(const char *const *words, size_t count, uint32_t number)
{
    return number < count ? words[number] : "?";
}

static uint32_t number_of(const char *const *words, uint32_t count, const char *word)
{
    for (uint32_t i = 1; i < count; i++) {
        if (word_equal(words[i], word)) {
            return i;
        }
    }
    return 0;
}

const char *role_name(enum role role)
{
    return word_of(role_words, ROLE_COUNT, (uint32_t)role);
}

const char *complaint_status_name(enum complaint_status status)
{
    return word_of(status_words, COMPLAINT_STATUS_COUNT, (uint32_t)status);
}

enum complaint_status complaint_status_by_name(const char *name)
{
    return (enum complaint_status)number_of(status_words, COMPLAINT_STATUS_COUNT, name);
}

const char *classification_name(enum classification c)
{
    return word_of(classification_words, CLASSIFICATION_COUNT, (uint32_t)c);
}

enum classification classification_by_name(const char *name)
{
    return (enum classification)number_of(classification_words, CLASSIFICATION_COUNT, name);
}

const char *channel_name(enum channel c)
{
    return word_of(channel_words, CHANNEL_COUNT, (uint32_t)c);
}

enum channel channel_by_name(const char *name)
{
    return (enum channel)number_of(channel_words, CHANNEL_COUNT, name);
}
