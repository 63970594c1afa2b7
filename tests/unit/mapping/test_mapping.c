/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_mapping node_config node_base */
#include <inttypes.h>

#include "tests/unit/mapping/bench.h"

#define TEXT(span) (int)(span).size, (span).size ? (const char *)(span).data : ""

static void show_value(const struct value *v, char *out, size_t size)
{
    switch (v->type) {
    case VALUE_STATUS:
        add(out, size, "%s/%.*s", complaint_status_name(v->status.status), TEXT(v->status.reason));
        break;
    case VALUE_CLASS:
        add(out, size, "%s/%.*s/%d", classification_name(v->class.classification), TEXT(v->class.category),
            v->class.supervisory);
        break;
    case VALUE_CHANNEL:
        add(out, size, "%s", channel_name(v->channel));
        break;
    case VALUE_TIME:
        add(out, size, "%" PRId64, v->time.ms);
        break;
    case VALUE_ASSIGN:
        add(out, size, "%.*s/%" PRId64 "/%.*s", TEXT(v->assign.opd), v->assign.deadline_ms, TEXT(v->assign.by));
        break;
    case VALUE_REQUEST:
        add(out, size, "%s/%.*s", v->request.wanted.text, TEXT(v->request.reason));
        break;
    case VALUE_FLAG:
        add(out, size, "%d", v->flag);
        break;
    case VALUE_NUMBER:
        add(out, size, "%" PRIu64, v->number);
        break;
    case VALUE_TEXT:
        add(out, size, "<%.*s>", TEXT(v->text));
        break;
    case VALUE_PLACE:
        add(out, size, "%.*s/%.*s/%.*s/%d/%d", TEXT(v->place.region), TEXT(v->place.village), TEXT(v->place.address),
            v->place.lat_e7, v->place.lon_e7);
        break;
    case VALUE_REFS:
        for (size_t i = 0; i < v->refs.count; i++) {
            add(out, size, "%s%.*s=%.*s", i ? "," : "", TEXT(v->refs.refs[i].system), TEXT(v->refs.refs[i].key));
        }
        break;
    default:
        add(out, size, "?");
        break;
    }
}

/* The reading of one register: its value, "-" if it is not there, "!column: problem". */
static struct span read_one(struct bench *bench, const struct mapping_form *form, uint32_t number, char *out,
                            size_t size)
{
    struct mapping_reading readings[64];
    size_t count;
    struct span found = {0};
    out[0] = 0;
    assert_true(form->register_count <= 64);
    assert_true(status_is_ok(mapping_read(bench->mapping, form, bench->raw, &bench->arena, readings, &count)));
    for (size_t i = 0; i < count; i++) {
        if (readings[i].number != number) {
            continue;
        }
        if (readings[i].problem) {
            add(out, size, "!%s: %s", form->table->columns[readings[i].column].name, readings[i].problem);
            return found;
        }
        struct value value;
        assert_true(status_is_ok(value_read_register(number, readings[i].value, &bench->arena, &value)));
        show_value(&value, out, size);
        found = readings[i].value;
    }
    if (out[0] == 0) {
        add(out, size, "-");
    }
    return found;
}

/* "a=x b=NULL", or "!problem", or "not writable". */
static void write_one(struct bench *bench, const struct mapping_form *form, uint32_t number, struct span value,
                      const struct mapping_raw *current, char *out, size_t size)
{
    struct mapping_cell cells[LIMIT_COLUMNS];
    size_t count = 0;
    const char *problem = NULL;
    struct status status =
        mapping_write(bench->mapping, form, number, value, current, &bench->arena, cells, &count, &problem);
    out[0] = 0;
    if (status.code == STATUS_NOT_FOUND) {
        add(out, size, "not writable");
        return;
    }
    if (!status_is_ok(status)) {
        add(out, size, "!%s", problem);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct mapping_raw *raw = &cells[i].raw;
        add(out, size, "%s%s=%.*s", i ? " " : "", form->table->columns[cells[i].column].name,
            raw->null ? 4 : (int)raw->bytes.size,
            raw->null         ? "NULL"
            : raw->bytes.size ? (const char *)raw->bytes.data
                              : "");
    }
}

static struct span encode(struct bench *bench, struct value value)
{
    struct span bytes;
    assert_true(status_is_ok(value_write(&value, &bench->arena, &bytes)));
    return bytes;
}

#define STATUS_TABLE                                                                                                   \
    "status: {column: a, values: {0: belum_verifikasi, 1: {status: tunda, reason: data}, 2: selesai, 3: selesai}}"

/* Field, row, what is read, and what the value becomes when it is written into an empty row. */
static const struct reading_case {
    const char *field;
    uint32_t number;
    const char *values[3];
    const char *read;
    const char *written;
} READINGS[] = {
    {"title: a", REG_TITLE, {"Jalan rusak"}, "<Jalan rusak>", "a=Jalan rusak"},
    {"title: a", REG_TITLE, {""}, "<>", "a="},
    {"title: a", REG_TITLE, {NULL}, "-", NULL},
    {"title: a", REG_TITLE, {"caf\xe9"}, "!a: the text is not valid UTF-8", NULL},
    {"title: {column: a, values: {J: Jalan, A: Air}}", REG_TITLE, {"J"}, "<Jalan>", "a=J"},
    {"title: {column: a, values: {J: Jalan, A: Air}}",
     REG_TITLE,
     {"X"},
     "!a: the mapping has no line for this value",
     NULL},
    {"text: {template: \"{a}, {b}!\"}", REG_TEXT, {"x", "y"}, "<x, y!>", "not writable"},
    {"text: {template: \"{a}, {b}!\"}", REG_TEXT, {"x", NULL}, "<x, !>", "not writable"},
    {"text: {template: \"{a}, {b}!\"}", REG_TEXT, {NULL, NULL}, "-", NULL},
    {"text: {template: \"{a}, {b}!\"}", REG_TEXT, {"x", "\xff"}, "!b: the text is not valid UTF-8", NULL},
    {STATUS_TABLE, REG_STATUS, {"2"}, "selesai/", "a=2"},
    {STATUS_TABLE, REG_STATUS, {"3"}, "selesai/", "a=2"},
    {STATUS_TABLE, REG_STATUS, {"2   "}, "selesai/", "a=2"},
    {STATUS_TABLE, REG_STATUS, {"1"}, "tunda/data", "a=1"},
    {STATUS_TABLE, REG_STATUS, {"4"}, "!a: the mapping has no status for this value", NULL},
    {STATUS_TABLE, REG_STATUS, {"02"}, "!a: the mapping has no status for this value", NULL},
    {STATUS_TABLE, REG_STATUS, {NULL}, "-", NULL},
    {"status: {column: a, reason: b, values: {x: tunda}}",
     REG_STATUS,
     {"x", "menunggu"},
     "tunda/menunggu",
     "a=x b=menunggu"},
    {"status: {column: a, reason: b, values: {x: tunda}}", REG_STATUS, {"x", NULL}, "tunda/", "a=x b=NULL"},
    {"status: {column: a, reason: b, values: {x: tunda}}", REG_STATUS, {NULL, "menunggu"}, "-", NULL},
    {"status: {column: a, values: {~: belum_verifikasi, x: proses}}",
     REG_STATUS,
     {NULL},
     "belum_verifikasi/",
     "a=NULL"},
    {"status: {column: a, values: {~: belum_verifikasi, x: proses}}", REG_STATUS, {""}, "belum_verifikasi/", "a=NULL"},
    {"status: {column: a, values: {x: proses}, routed_away: alih}", REG_STATUS, {"alih"}, "-", NULL},
    {"class: {classification: a, category: b, supervisory: c}",
     REG_CLASS,
     {"aspirasi", "jalan", "t"},
     "aspirasi/jalan/1",
     "a=aspirasi b=jalan c=1"},
    {"class: {classification: a, category: b, supervisory: c}",
     REG_CLASS,
     {"aspirasi", NULL, NULL},
     "aspirasi//0",
     "a=aspirasi b=NULL c=0"},
    {"class: {classification: {constant: pengaduan}, category: b}", REG_CLASS, {NULL, "k"}, "pengaduan/k/0", "b=k"},
    {"class: {classification: a}",
     REG_CLASS,
     {"keluhan"},
     "!a: the mapping has no classification for this value",
     NULL},
    {"channel: {column: a, values: {wa: whatsapp}}", REG_CHANNEL, {"wa"}, "whatsapp", "a=wa"},
    {"channel: {column: a, values: {wa: whatsapp}}",
     REG_CHANNEL,
     {"fax"},
     "!a: the mapping has no channel for this value",
     NULL},
    {"channel: {constant: walk_in}", REG_CHANNEL, {NULL}, "walk_in", "not writable"},
    {"channel: {column: a, direction: in}", REG_CHANNEL, {"sms"}, "sms", "not writable"},
    {"channel: {column: a, direction: out}", REG_CHANNEL, {"sms"}, "-", NULL},
    {"time_received: a", REG_TIME_RECEIVED, {"1970-01-02 07:00:00"}, "86400000", "a=1970-01-02 07:00:00"},
    {"time_received: a", REG_TIME_RECEIVED, {"2024-02-29T23:59:59.120"}, "1709225999120", "a=2024-02-29 23:59:59.120"},
    {"time_received: a", REG_TIME_RECEIVED, {"1970-01-02 00:00:00+00"}, "86400000", "a=1970-01-02 07:00:00"},
    {"time_received: a", REG_TIME_RECEIVED, {"1970-01-02T00:00:00Z"}, "86400000", "a=1970-01-02 07:00:00"},
    {"time_received: a", REG_TIME_RECEIVED, {"1970-01-02 03:30:00+03:30"}, "86400000", "a=1970-01-02 07:00:00"},
    {"time_received: a", REG_TIME_RECEIVED, {"1970-01-02"}, "61200000", "a=1970-01-02 00:00:00"},
    {"time_received: a", REG_TIME_RECEIVED, {"0000-00-00 00:00:00"}, "-", NULL},
    {"time_received: a", REG_TIME_RECEIVED, {""}, "-", NULL},
    {"time_received: a",
     REG_TIME_RECEIVED,
     {"2023-02-29"},
     "!a: this is not a time in the format that the mapping names",
     NULL},
    {"time_received: a",
     REG_TIME_RECEIVED,
     {"kemarin"},
     "!a: this is not a time in the format that the mapping names",
     NULL},
    {"time_received: a",
     REG_TIME_RECEIVED,
     {"2023-02-28 10:00:00 WIB"},
     "!a: this is not a time in the format that the mapping names",
     NULL},
    {"time_received: {column: a, format: iso_zone}",
     REG_TIME_RECEIVED,
     {"1970-01-02 00:00:00+00"},
     "86400000",
     "a=1970-01-02 07:00:00+07:00"},
    {"time_received: {column: a, zone: \"-08:00\", format: \"MM/DD/YYYY hh:mm:ss AM\"}",
     REG_TIME_RECEIVED,
     {"12/31/2018 11:55:30 PM"},
     "1546329330000",
     "a=12/31/2018 11:55:30 PM"},
    {"time_received: {column: a, zone: UTC, format: \"MM/DD/YYYY hh:mm:ss AM\"}",
     REG_TIME_RECEIVED,
     {"01/02/1970 12:00:00 am"},
     "86400000",
     "a=01/02/1970 12:00:00 AM"},
    {"time_received: {column: a, zone: UTC, format: \"D.M.YYYY H:mm\"}",
     REG_TIME_RECEIVED,
     {"2.1.1970 9:05"},
     "119100000",
     "a=2.1.1970 9:05"},
    {"time_received: {column: a, zone: UTC, format: \"DD/MM/YYYY\"}",
     REG_TIME_RECEIVED,
     {"31/13/1970"},
     "!a: this is not a time in the format that the mapping names",
     NULL},
    {"time_received: {column: a, format: epoch}", REG_TIME_RECEIVED, {"86400"}, "86400000", "a=86400"},
    {"time_received: {column: a, format: epoch}", REG_TIME_RECEIVED, {"-1"}, "-1000", "a=-1"},
    {"time_received: {column: a, format: epoch_ms}", REG_TIME_RECEIVED, {"86400001"}, "86400001", "a=86400001"},
    {"assign: {opd: a, deadline: b, by: c}",
     REG_ASSIGN,
     {"Dinas PU", "1970-01-02", "admin"},
     "Dinas PU/61200000/admin",
     "a=Dinas PU b=1970-01-02 00:00:00 c=admin"},
    {"assign: a", REG_ASSIGN, {"Dinas PU"}, "Dinas PU/0/", "a=Dinas PU"},
    {"assign: {opd: {column: a, values: {12: dinkes}}}", REG_ASSIGN, {"12"}, "dinkes/0/", "a=12"},
    {"confidential: a", REG_CONFIDENTIAL, {"t"}, "1", "a=1"},
    {"confidential: a", REG_CONFIDENTIAL, {"0"}, "0", "a=0"},
    {"confidential: a", REG_CONFIDENTIAL, {NULL}, "-", NULL},
    {"anonymous: {column: a, values: {Y: yes, T: no}}", REG_ANONYMOUS, {"Y"}, "1", "a=Y"},
    {"anonymous: {column: a, values: {Y: yes, T: no}}",
     REG_ANONYMOUS,
     {"y"},
     "!a: the mapping says neither yes nor no for this value",
     NULL},
    {"confidential: {constant: no}", REG_CONFIDENTIAL, {NULL}, "0", "not writable"},
    {"rating: a", REG_RATING, {"4"}, "4", "a=4"},
    {"rating: a", REG_RATING, {"4.00"}, "4", "a=4"},
    {"rating: a", REG_RATING, {"4.5"}, "!a: this is not a whole number from 0", NULL},
    {"rating: a", REG_RATING, {"-1"}, "!a: this is not a whole number from 0", NULL},
    {"rating: a", REG_RATING, {""}, "-", NULL},
    {"rating: a", REG_RATING, {"0"}, "-", NULL},
    {"time_received: {column: a, format: epoch}", REG_TIME_RECEIVED, {"0"}, "-", NULL},
    {"place: {address: a, lat: b, lon: c}",
     REG_PLACE,
     {"Jl. A", "-1.2581", "116.70051234567"},
     "//Jl. A/-12581000/1167005123",
     "a=Jl. A b=-1.2581 c=116.7005123"},
    {"place: {address: a, lat: b, lon: c}", REG_PLACE, {"Jl. A", "-0,5", NULL}, "//Jl. A/0/0", "a=Jl. A b=NULL c=NULL"},
    {"place: {lat: a, lon: b}", REG_PLACE, {"1", "90.0"}, "///10000000/900000000", "a=1.0 b=90.0"},
    {"place: {lat: a, lon: b}", REG_PLACE, {"91", "0"}, "!a: this is not a latitude in degrees", NULL},
    {"place: {lat: a, lon: b}", REG_PLACE, {"1", "180.1"}, "!b: this is not a longitude in degrees", NULL},
    {"place: {region: a, village: b}", REG_PLACE, {"61.03", "Bunut"}, "61.03/Bunut//0/0", "a=61.03 b=Bunut"},
    {"place: {region: a, village: b}", REG_PLACE, {NULL, NULL}, "-", NULL},
    {"refs: {lapor: a}", REG_REFS, {"12345"}, "lapor=12345,legacy:t=7", "a=12345"},
    {"refs: {lapor: a}", REG_REFS, {NULL}, "legacy:t=7", ""},
    {"refs: {lapor: a, z: b}", REG_REFS, {"1", "2"}, "lapor=1,legacy:t=7,z=2", "a=1 b=2"},
    {"title: a", REG_REFS, {NULL}, "legacy:t=7", "not writable"},
    {"route_request: {wanted: a, reason: b}", REG_ROUTE_REQUEST, {"64.09", "batas"}, "64.09/batas", "a=64.09 b=batas"},
    {"route_request: {wanted: a}", REG_ROUTE_REQUEST, {"Sanggau!"}, "!a: this is not the code of a region", NULL},
};

static void every_type_is_read_and_written(void **state)
{
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof READINGS / sizeof READINGS[0]; i++) {
        const struct reading_case *c = &READINGS[i];
        char shown[300];
        load_field(bench, c->field);
        row_abc(bench, c->values);
        struct span value = read_one(bench, bench->mapping->complaints, c->number, shown, sizeof shown);
        if (strcmp(shown, c->read) != 0) {
            fail_msg("case %zu: %s: read %s, not %s", i, c->field, shown, c->read);
        }
        if (c->written) {
            write_one(bench, bench->mapping->complaints, c->number, value, NULL, shown, sizeof shown);
            if (strcmp(shown, c->written) != 0) {
                fail_msg("case %zu: %s: wrote %s, not %s", i, c->field, shown, c->written);
            }
        }
    }
}

/* Puts what mapping_write says into the row. */
static void apply(struct bench *bench, uint32_t number, struct span value)
{
    struct mapping_cell cells[LIMIT_COLUMNS];
    size_t count = 0;
    const char *problem = NULL;
    assert_true(status_is_ok(mapping_write(bench->mapping, bench->mapping->complaints, number, value, NULL,
                                           &bench->arena, cells, &count, &problem)));
    for (size_t i = 0; i < count; i++) {
        bench->raw[cells[i].column] = cells[i].raw;
    }
}

static void what_was_written_reads_as_the_same_value(void **state)
{
    struct bench *bench = *state;
    static const char *const none[3] = {NULL, NULL, NULL};
    size_t checked = 0;
    for (size_t i = 0; i < sizeof READINGS / sizeof READINGS[0]; i++) {
        const struct reading_case *c = &READINGS[i];
        char before[300], after[300];
        if (!c->written || strcmp(c->written, "not writable") == 0) {
            continue;
        }
        load_field(bench, c->field);
        row_abc(bench, c->values);
        struct span value = read_one(bench, bench->mapping->complaints, c->number, before, sizeof before);
        row_abc(bench, none);
        apply(bench, c->number, value);
        struct span again = read_one(bench, bench->mapping->complaints, c->number, after, sizeof after);
        assert_string_equal(after, before);
        assert_true(span_equal(value, again));
        checked++;
    }
    assert_true(checked > 30);
}

/* A row that already says the value keeps its own spelling, so no lossy table rewrites what a clerk chose. */
static void a_row_that_says_the_same_keeps_its_own_text(void **state)
{
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof READINGS / sizeof READINGS[0]; i++) {
        const struct reading_case *c = &READINGS[i];
        char shown[300];
        struct mapping_cell cells[LIMIT_COLUMNS];
        size_t count = 0;
        const char *problem = NULL;
        if (!c->written || strcmp(c->written, "not writable") == 0 || strcmp(c->read, "//Jl. A/0/0") == 0) {
            continue;
        }
        load_field(bench, c->field);
        row_abc(bench, c->values);
        struct span value = read_one(bench, bench->mapping->complaints, c->number, shown, sizeof shown);
        assert_true(status_is_ok(mapping_write(bench->mapping, bench->mapping->complaints, c->number, value, bench->raw,
                                               &bench->arena, cells, &count, &problem)));
        for (size_t j = 0; j < count; j++) {
            assert_int_equal(cells[j].raw.null, bench->raw[cells[j].column].null);
            assert_true(span_equal(cells[j].raw.bytes, bench->raw[cells[j].column].bytes));
        }
    }
}

static struct span status_value(struct bench *bench, enum complaint_status status, const char *reason)
{
    return encode(bench,
                  (struct value){.type = VALUE_STATUS, .status = {.status = status, .reason = span_text(reason)}});
}

static void expect_status(struct bench *bench, enum complaint_status status, const char *reason, const char *a_now,
                          const char *written)
{
    const char *values[3] = {a_now, NULL, NULL};
    char shown[300];
    row_abc(bench, values);
    write_one(bench, bench->mapping->complaints, REG_STATUS, status_value(bench, status, reason),
              a_now ? bench->raw : NULL, shown, sizeof shown);
    assert_string_equal(shown, written);
}

static void a_status_is_written_by_reason_then_write_table_then_first_line(void **state)
{
    struct bench *bench = *state;
    load_field(bench,
               "status: {column: a, values: {1: {status: tunda, reason: data}, 2: {status: tunda, reason: lain}, "
               "3: tunda, 4: selesai, 5: selesai}, write: {selesai: 5, arsip: 9, proses: ~}}");
    expect_status(bench, COMPLAINT_TUNDA, "lain", NULL, "a=2");
    expect_status(bench, COMPLAINT_TUNDA, "", NULL, "a=3");
    expect_status(bench, COMPLAINT_TUNDA, "apa", NULL, "a=1");
    expect_status(bench, COMPLAINT_TUNDA, "apa", "2", "a=2");
    expect_status(bench, COMPLAINT_TUNDA, "lain", "1", "a=2");
    expect_status(bench, COMPLAINT_SELESAI, "", NULL, "a=5");
    expect_status(bench, COMPLAINT_SELESAI, "", "4", "a=4");
    expect_status(bench, COMPLAINT_ARSIP, "", "4", "a=9");
    expect_status(bench, COMPLAINT_PROSES, "", "4", "a=NULL");
    expect_status(bench, COMPLAINT_TERVERIFIKASI, "", "4",
                  "!this system has no word for this status: add it to the mapping under write");
}

static void a_value_that_does_not_decode_is_a_problem(void **state)
{
    struct bench *bench = *state;
    char shown[300];
    load_field(bench, "title: a");
    write_one(bench, bench->mapping->complaints, REG_TITLE, span_text("\x0a\xff\xff"), NULL, shown, sizeof shown);
    assert_string_equal(shown, "!the value does not decode");
    write_one(bench, bench->mapping->complaints, REG_PRESENCE, (struct span){0}, NULL, shown, sizeof shown);
    assert_string_equal(shown, "not writable");
}

/* What a clerk leaves who empties a field travels as the empty value, and empties the field elsewhere. */
static void an_emptied_value_empties_the_columns(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *field;
        uint32_t number;
        const char *now; /* in column a */
        const char *written;
    } cases[] = {
        {"time_closed: a", REG_TIME_CLOSED, "2026-01-01", "a=NULL"},
        {"time_closed: a", REG_TIME_CLOSED, "0000-00-00", "a=0000-00-00"},
        {"rating: a", REG_RATING, "4", "a=NULL"},
        {"rating: a", REG_RATING, "0", "a=0"},
        {"place: {address: a, lat: b, lon: c}", REG_PLACE, "Jl. A", "a=NULL b=NULL c=NULL"},
        {"assign: {opd: a, deadline: b}", REG_ASSIGN, "Dinas", "a=NULL b=NULL"},
        {"closing: a", REG_CLOSING, "Sudah", "a="},
        {"closing: a", REG_CLOSING, NULL, "a=NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *values[3] = {cases[i].now, NULL, NULL};
        char shown[300];
        load_field(bench, cases[i].field);
        row_abc(bench, values);
        write_one(bench, bench->mapping->complaints, cases[i].number, (struct span){0}, bench->raw, shown,
                  sizeof shown);
        assert_string_equal(shown, cases[i].written);
    }
}

static void a_text_above_its_limit_is_a_problem_of_that_register_only(void **state)
{
    struct bench *bench = *state;
    char shown[300];
    char *longer = calloc(1, LIMIT_FIELD_SIZE + 2);
    assert_non_null(longer);
    memset(longer, 'x', LIMIT_FIELD_SIZE + 1);
    const char *values[3] = {longer, "baik", NULL};
    load_field(bench, "text: a\n    title: b");
    row_abc(bench, values);
    read_one(bench, bench->mapping->complaints, REG_TEXT, shown, sizeof shown);
    assert_string_equal(shown, "!a: the text is longer than 64 KiB");
    read_one(bench, bench->mapping->complaints, REG_TITLE, shown, sizeof shown);
    assert_string_equal(shown, "<baik>");
    free(longer);
}

static void the_national_number_in_the_row_is_kept_if_it_is_one_of_several(void **state)
{
    struct bench *bench = *state;
    static const struct ref refs[] = {{{0}, {0}}, {{0}, {0}}};
    struct ref list[2];
    char shown[300];
    const char *stands[3] = {"222", NULL, NULL};
    const char *other[3] = {"333", NULL, NULL};
    memcpy(list, refs, sizeof list);
    list[0] = (struct ref){span_text("lapor"), span_text("111")};
    list[1] = (struct ref){span_text("lapor"), span_text("222")};
    load_field(bench, "refs: {lapor: a}");
    struct span value = encode(bench, (struct value){.type = VALUE_REFS, .refs = {.refs = list, .count = 2}});
    row_abc(bench, stands);
    write_one(bench, bench->mapping->complaints, REG_REFS, value, bench->raw, shown, sizeof shown);
    assert_string_equal(shown, "a=222");
    row_abc(bench, other);
    write_one(bench, bench->mapping->complaints, REG_REFS, value, bench->raw, shown, sizeof shown);
    assert_string_equal(shown, "a=111");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_is_read_and_written, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(what_was_written_reads_as_the_same_value, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_row_that_says_the_same_keeps_its_own_text, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_status_is_written_by_reason_then_write_table_then_first_line, bench_make,
                                        bench_remove),
        cmocka_unit_test_setup_teardown(a_value_that_does_not_decode_is_a_problem, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(an_emptied_value_empties_the_columns, bench_make, bench_remove),
        cmocka_unit_test_setup_teardown(a_text_above_its_limit_is_a_problem_of_that_register_only, bench_make,
                                        bench_remove),
        cmocka_unit_test_setup_teardown(the_national_number_in_the_row_is_kept_if_it_is_one_of_several, bench_make,
                                        bench_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
