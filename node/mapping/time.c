/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "node/mapping/field.h"

#define DAY_MS 86400000
#define YEAR_MIN 1000
#define YEAR_MAX 9999

struct civil {
    int64_t year, month, day, hour, minute, second, ms;
    bool afternoon, has_half; /* of a clock with AM and PM */
    bool has_zone;
    int64_t zone_minutes;
};

/* Reads a text from left to right; sticky, so that a pattern is checked once at its end. */
struct scanner {
    const uint8_t *at, *end;
    bool failed;
};

static bool next_is_digit(const struct scanner *scanner)
{
    return scanner->at < scanner->end && *scanner->at >= '0' && *scanner->at <= '9';
}

static int64_t digits(struct scanner *scanner, int least, int most)
{
    int64_t value = 0;
    int count = 0;
    for (; count < most && next_is_digit(scanner); count++, scanner->at++) {
        value = value * 10 + (*scanner->at - '0');
    }
    scanner->failed |= count < least;
    return value;
}

static bool accept(struct scanner *scanner, uint8_t c)
{
    if (scanner->failed || scanner->at == scanner->end || *scanner->at != c) {
        return false;
    }
    scanner->at++;
    return true;
}

static void expect(struct scanner *scanner, uint8_t c)
{
    scanner->failed |= !accept(scanner, c);
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_of(int64_t ms, struct civil *out)
{
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0 ? 1 : 0);
    int64_t rest = ms - days * DAY_MS;
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *out = (struct civil){.day = doy - (153 * mp + 2) / 5 + 1, .month = mp < 10 ? mp + 3 : mp - 9};
    out->year = yoe + era * 400 + (out->month <= 2 ? 1 : 0);
    out->hour = rest / 3600000;
    out->minute = rest / 60000 % 60;
    out->second = rest / 1000 % 60;
    out->ms = rest % 1000;
}

static int64_t month_days(int64_t year, int64_t month)
{
    static const int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool to_ms(const struct civil *c, int32_t zone_minutes, int64_t *out_ms)
{
    if (c->year < YEAR_MIN || c->year > YEAR_MAX || c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > month_days(c->year, c->month) || c->hour > 23 || c->minute > 59 || c->second > 59) {
        return false;
    }
    int64_t seconds = days_of(c->year, c->month, c->day) * 86400 + c->hour * 3600 + c->minute * 60 + c->second;
    int64_t zone = c->has_zone ? c->zone_minutes : zone_minutes;
    *out_ms = (seconds - zone * 60) * 1000 + c->ms;
    return true;
}

static void scan_fraction(struct scanner *scanner, struct civil *c)
{
    if (!accept(scanner, '.') && !accept(scanner, ',')) {
        return;
    }
    int64_t scale = 100;
    scanner->failed |= !next_is_digit(scanner);
    while (next_is_digit(scanner)) {
        c->ms += (*scanner->at++ - '0') * scale;
        scale /= 10;
    }
}

/* Z, +07, +0700, +07:00, or nothing. */
static void scan_zone(struct scanner *scanner, struct civil *c)
{
    (void)accept(scanner, ' ');
    if (scanner->at == scanner->end) {
        return;
    }
    c->has_zone = true;
    if (accept(scanner, 'Z')) {
        return;
    }
    int64_t sign = accept(scanner, '-') ? -1 : 1;
    if (sign > 0) {
        expect(scanner, '+');
    }
    int64_t hours = digits(scanner, 2, 2);
    bool colon = accept(scanner, ':');
    int64_t minutes = colon || next_is_digit(scanner) ? digits(scanner, 2, 2) : 0;
    scanner->failed |= hours > 15 || minutes > 59;
    c->zone_minutes = sign * (hours * 60 + minutes);
}

static void scan_iso(struct scanner *scanner, struct civil *c)
{
    c->year = digits(scanner, 4, 4);
    expect(scanner, '-');
    c->month = digits(scanner, 2, 2);
    expect(scanner, '-');
    c->day = digits(scanner, 2, 2);
    if (scanner->failed || scanner->at == scanner->end) {
        return;
    }
    if (!accept(scanner, 'T')) {
        expect(scanner, ' ');
    }
    c->hour = digits(scanner, 2, 2);
    expect(scanner, ':');
    c->minute = digits(scanner, 2, 2);
    if (accept(scanner, ':')) {
        c->second = digits(scanner, 2, 2);
        scan_fraction(scanner, c);
    }
    scan_zone(scanner, c);
}

static void scan_half(struct scanner *scanner, struct civil *c)
{
    bool afternoon = accept(scanner, 'P') || accept(scanner, 'p');
    if (!afternoon && !accept(scanner, 'A') && !accept(scanner, 'a')) {
        scanner->failed = true;
    }
    if (!accept(scanner, 'M')) {
        expect(scanner, 'm');
    }
    c->has_half = true;
    c->afternoon = afternoon;
}

struct token {
    const char *name;
    enum { YEAR, MONTH, DAY, HOUR, HOUR12, MINUTE, SECOND, HALF, LITERAL } what;
    int least; /* digits */
};

/* The longer ones first. */
static const struct token TOKENS[] = {
    {"YYYY", YEAR, 4}, {"MM", MONTH, 2},  {"M", MONTH, 1},  {"DD", DAY, 2},    {"D", DAY, 1},     {"HH", HOUR, 2},
    {"H", HOUR, 1},    {"hh", HOUR12, 2}, {"h", HOUR12, 1}, {"mm", MINUTE, 2}, {"ss", SECOND, 2}, {"AM", HALF, 0},
};

static struct token next_token(const char *pattern)
{
    for (size_t i = 0; i < sizeof TOKENS / sizeof TOKENS[0]; i++) {
        if (strncmp(pattern, TOKENS[i].name, strlen(TOKENS[i].name)) == 0) {
            return TOKENS[i];
        }
    }
    return (struct token){.name = "?", .what = LITERAL};
}

bool time_pattern_is_valid(const char *pattern, const char **out_problem)
{
    unsigned seen[LITERAL + 1] = {0};
    for (const char *p = pattern; *p;) {
        struct token token = next_token(p);
        seen[token.what]++;
        p += strlen(token.name);
    }
    if (seen[YEAR] != 1 || seen[MONTH] != 1 || seen[DAY] != 1 || seen[HOUR] + seen[HOUR12] > 1 || seen[MINUTE] > 1 ||
        seen[SECOND] > 1 || seen[HALF] > 1) {
        *out_problem = "must hold YYYY, MM and DD once, and at most one HH or hh, mm, ss, AM";
        return false;
    }
    if ((seen[HALF] > 0) != (seen[HOUR12] > 0)) {
        *out_problem = "uses AM together with hh only, and HH for 24 hours";
        return false;
    }
    return true;
}

static void scan_token(struct scanner *scanner, struct token token, char literal, struct civil *c)
{
    switch (token.what) {
    case YEAR:
        c->year = digits(scanner, 4, 4);
        break;
    case MONTH:
        c->month = digits(scanner, token.least, 2);
        break;
    case DAY:
        c->day = digits(scanner, token.least, 2);
        break;
    case HOUR:
    case HOUR12:
        c->hour = digits(scanner, token.least, 2);
        break;
    case MINUTE:
        c->minute = digits(scanner, 2, 2);
        break;
    case SECOND:
        c->second = digits(scanner, 2, 2);
        break;
    case HALF:
        scan_half(scanner, c);
        break;
    case LITERAL:
        expect(scanner, (uint8_t)literal);
        break;
    }
}

static void scan_pattern(struct scanner *scanner, const char *pattern, struct civil *c)
{
    for (const char *p = pattern; *p;) {
        struct token token = next_token(p);
        scan_token(scanner, token, *p, c);
        p += strlen(token.name);
    }
    if (c->has_half) {
        scanner->failed |= c->hour < 1 || c->hour > 12;
        c->hour = c->hour % 12 + (c->afternoon ? 12 : 0);
    }
}

static bool read_epoch(struct scanner *scanner, int64_t unit, int64_t *out_ms)
{
    bool negative = accept(scanner, '-');
    int64_t value = digits(scanner, 1, 14);
    if (scanner->failed || scanner->at != scanner->end) {
        return false;
    }
    *out_ms = (negative ? -value : value) * unit;
    return true;
}

bool time_is_zero_date(struct span text)
{
    return text.size >= 10 && memcmp(text.data, "0000-00-00", 10) == 0;
}

bool time_read(const struct time_format *format, struct span text, int64_t *out_ms)
{
    struct civil c = {0};
    if (text.size == 0) {
        return false;
    }
    struct scanner scanner = {.at = text.data, .end = text.data + text.size};
    if (format->kind == TIME_EPOCH || format->kind == TIME_EPOCH_MS) {
        return read_epoch(&scanner, format->kind == TIME_EPOCH ? 1000 : 1, out_ms);
    }
    if (format->kind == TIME_PATTERN) {
        scan_pattern(&scanner, format->pattern, &c);
    } else {
        scan_iso(&scanner, &c);
    }
    return !scanner.failed && scanner.at == scanner.end && to_ms(&c, format->zone_minutes, out_ms);
}

static void add_number(struct buffer *out, int64_t value, int least)
{
    char text[24];
    snprintf(text, sizeof text, "%0*" PRId64, least, value);
    buffer_add_span(out, span_text(text));
}

static void write_iso(struct buffer *out, const struct time_format *format, const struct civil *c)
{
    const int64_t numbers[] = {c->year, c->month, c->day, c->hour, c->minute, c->second};
    for (size_t i = 0; i < 6; i++) {
        add_number(out, numbers[i], i == 0 ? 4 : 2);
        if (i < 5) {
            buffer_add_u8(out, (uint8_t) "-- ::"[i]);
        }
    }
    if (c->ms > 0) {
        buffer_add_u8(out, '.');
        add_number(out, c->ms, 3);
    }
    if (format->kind == TIME_ISO_ZONE) {
        int32_t zone = format->zone_minutes < 0 ? -format->zone_minutes : format->zone_minutes;
        buffer_add_u8(out, format->zone_minutes < 0 ? '-' : '+');
        add_number(out, zone / 60, 2);
        buffer_add_u8(out, ':');
        add_number(out, zone % 60, 2);
    }
}

static void write_token(struct buffer *out, struct token token, char literal, const struct civil *c)
{
    switch (token.what) {
    case YEAR:
        add_number(out, c->year, 4);
        break;
    case MONTH:
        add_number(out, c->month, token.least);
        break;
    case DAY:
        add_number(out, c->day, token.least);
        break;
    case HOUR:
        add_number(out, c->hour, token.least);
        break;
    case HOUR12:
        add_number(out, c->hour % 12 == 0 ? 12 : c->hour % 12, token.least);
        break;
    case MINUTE:
        add_number(out, c->minute, 2);
        break;
    case SECOND:
        add_number(out, c->second, 2);
        break;
    case HALF:
        buffer_add_span(out, span_text(c->hour < 12 ? "AM" : "PM"));
        break;
    case LITERAL:
        buffer_add_u8(out, (uint8_t)literal);
        break;
    }
}

struct status time_write(const struct time_format *format, int64_t ms, struct arena *arena, struct span *out_text)
{
    struct buffer out;
    struct civil c;
    buffer_init(&out, arena);
    if (format->kind == TIME_EPOCH || format->kind == TIME_EPOCH_MS) {
        int64_t seconds = ms / 1000 - (ms % 1000 < 0 ? 1 : 0);
        add_number(&out, format->kind == TIME_EPOCH ? seconds : ms, 1);
        return buffer_end(&out, out_text);
    }
    /* Years with another number of digits than four could not be read again. */
    if (ms < -INT64_C(30610224000000) || ms >= INT64_C(253402214400000)) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    civil_of(ms + (int64_t)format->zone_minutes * 60000, &c);
    if (format->kind != TIME_PATTERN) {
        write_iso(&out, format, &c);
        return buffer_end(&out, out_text);
    }
    for (const char *p = format->pattern; *p;) {
        struct token token = next_token(p);
        write_token(&out, token, *p, &c);
        p += strlen(token.name);
    }
    return buffer_end(&out, out_text);
}
