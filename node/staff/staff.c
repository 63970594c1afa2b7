/* SPDX-License-Identifier: Apache-2.0 */
#include "node/staff/staff.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/staff/staff_parts.h"

/* Accounts. Sessions are in session.c. */

static const char schema_sql[] =
    "CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, pseudonym TEXT UNIQUE, role TEXT NOT NULL, scope TEXT NOT NULL,"
    " password TEXT NOT NULL, disabled INTEGER NOT NULL, created_ms INTEGER, last_ms INTEGER, failures INTEGER,"
    " rests_until_ms INTEGER);"
    "CREATE TABLE IF NOT EXISTS sessions (token BLOB PRIMARY KEY, name TEXT, csrf TEXT, began_ms INTEGER, used_ms INTEGER)"
    " WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS sessions_name ON sessions (name, began_ms);"
    "CREATE TABLE IF NOT EXISTS addresses (address TEXT PRIMARY KEY, failures INTEGER, rests_until_ms INTEGER, last_ms INTEGER)"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS invitations (code BLOB PRIMARY KEY, name TEXT UNIQUE, until_ms INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS acts (number INTEGER PRIMARY KEY, at_ms INTEGER, actor TEXT, what TEXT, name TEXT);";

static const char *const role_names[STAFF_ROLE_COUNT] = {"national", "province", "regency", "auditor"};

const char *staff_role_name(enum staff_role role)
{
    return role < STAFF_ROLE_COUNT ? role_names[role] : "";
}

bool staff_role_by_name(const char *name, enum staff_role *out_role)
{
    for (size_t i = 0; i < STAFF_ROLE_COUNT; i++) {
        if (strcmp(role_names[i], name) == 0) {
            *out_role = (enum staff_role)i;
            return true;
        }
    }
    return false;
}

struct status staff_result(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return status_ok();
    case SQLITE_NOMEM:
        return STATUS_MAKE(STATUS_NO_MEMORY);
    case SQLITE_BUSY:
        return STATUS_MAKE(STATUS_BUSY);
    case SQLITE_CONSTRAINT:
        return STATUS_MAKE(STATUS_EXISTS);
    default:
        return STATUS_MAKE(STATUS_IO);
    }
}

static struct status query_bind(struct staff *staff, sqlite3_stmt **out_query, const char *sql, const char *types, va_list values)
{
    TRY(staff_result(sqlite3_prepare_v2(staff->db, sql, -1, out_query, NULL)));
    for (int i = 0; types[i]; i++) {
        if (types[i] == 't') {
            sqlite3_bind_text(*out_query, i + 1, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
        } else if (types[i] == 'i') {
            sqlite3_bind_int64(*out_query, i + 1, va_arg(values, int64_t));
        } else {
            sqlite3_bind_blob(*out_query, i + 1, va_arg(values, const uint8_t *), 32, SQLITE_TRANSIENT);
        }
    }
    return status_ok();
}

struct status staff_query(struct staff *staff, sqlite3_stmt **out_query, const char *sql, const char *types, ...)
{
    va_list values;
    va_start(values, types);
    struct status status = query_bind(staff, out_query, sql, types, values);
    va_end(values);
    return status;
}

struct status staff_run(struct staff *staff, const char *sql, const char *types, ...)
{
    sqlite3_stmt *query = NULL;
    va_list values;
    va_start(values, types);
    struct status status = query_bind(staff, &query, sql, types, values);
    va_end(values);
    status = status_is_ok(status) ? staff_result(sqlite3_step(query)) : status;
    sqlite3_finalize(query);
    return status;
}

struct status staff_note(struct staff *staff, const char *by, const char *what, const char *name, int64_t now_ms)
{
    return staff_run(staff, "INSERT INTO acts (at_ms, actor, what, name) VALUES (?1, ?2, ?3, ?4)", "ittt", now_ms, by, what, name);
}

struct status staff_open(const char *path, const struct crypto *crypto, struct staff **out_staff)
{
    struct staff *staff = calloc(1, sizeof *staff);
    if (!staff) {
        return STATUS_MAKE(STATUS_NO_MEMORY);
    }
    staff->crypto = crypto;
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
    }
    struct status status = staff_result(sqlite3_open_v2(path, &staff->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (status_is_ok(status)) {
        status = staff_result(sqlite3_exec(staff->db,
                                           "PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                           "PRAGMA secure_delete=ON;",
                                           NULL, NULL, NULL));
    }
    status = status_is_ok(status) ? staff_result(sqlite3_exec(staff->db, schema_sql, NULL, NULL, NULL)) : status;
    if (!status_is_ok(status)) {
        staff_close(staff);
        return status;
    }
    *out_staff = staff;
    return status_ok();
}

void staff_close(struct staff *staff)
{
    if (staff) {
        sqlite3_close(staff->db);
        free(staff);
    }
}

static bool name_holds(const char *name)
{
    size_t size = strlen(name);
    return size >= 2 && size <= STAFF_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == size;
}

const char *password_problem(const char *password)
{
    size_t size = strlen(password);
    if (size < STAFF_PASSWORD_MIN) {
        return "a password has at least 12 characters";
    }
    return size > STAFF_PASSWORD_MAX ? "a password has at most 200 bytes" : NULL;
}

static const char *scope_problem(enum staff_role role, const char *scope)
{
    struct scope_id id;
    bool province = strlen(scope) == 2;
    if (scope[0] && !status_is_ok(scope_id_parse(span_text(scope), &id))) {
        return "the scope is no region code";
    }
    switch (role) {
    case STAFF_NATIONAL:
        return scope[0] ? "a national account has no scope" : NULL;
    case STAFF_PROVINCE:
        return province ? NULL : "a province account needs the code of its province, such as 64";
    case STAFF_REGENCY:
        return scope[0] && !province ? NULL : "a regency account needs the code of its regency, such as 64.09";
    case STAFF_AUDITOR:
    case STAFF_ROLE_COUNT:
        break;
    }
    return NULL;
}

static struct status account_insert(struct staff *staff, const char *name, enum staff_role role, const char *scope,
                                    const char *password, int64_t now_ms)
{
    char encoded[256];
    char pseudonym[20];
    uint8_t random[4];
    TRY(password_hash(staff->crypto, password, encoded, sizeof encoded));
    staff->crypto->random(staff->crypto->owner, random, sizeof random);
    (void)snprintf(pseudonym, sizeof pseudonym, "staf-%02x%02x%02x%02x", random[0], random[1], random[2], random[3]);
    return staff_run(staff, "INSERT INTO accounts VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, 0, 0, 0)", "ttttti",
                     name, pseudonym, staff_role_name(role), scope, encoded, now_ms);
}

struct status staff_add(struct staff *staff, const char *name, enum staff_role role, const char *scope,
                        const char *password, const char *by, int64_t now_ms, const char **out_problem)
{
    const char *problem = !name_holds(name) ? "a name has 2 to 32 of a-z 0-9 . - _" : password_problem(password);
    problem = problem ? problem : scope_problem(role, scope);
    if (problem) {
        if (out_problem) {
            *out_problem = problem;
        }
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct status status = account_insert(staff, name, role, scope, password, now_ms);
    if (status.code == STATUS_EXISTS && out_problem) {
        *out_problem = "there is an account of that name already";
    }
    TRY(status);
    return staff_note(staff, by, "add", name, now_ms);
}

/* And an invitation that nobody took up. */
static struct status sessions_end(struct staff *staff, const char *name)
{
    TRY(staff_run(staff, "DELETE FROM invitations WHERE name = ?1", "t", name));
    return staff_run(staff, "DELETE FROM sessions WHERE name = ?1", "t", name);
}

struct status staff_set_disabled(struct staff *staff, const char *name, bool disabled, const char *by, int64_t now_ms)
{
    TRY(staff_run(staff, "UPDATE accounts SET disabled = ?2, failures = 0, rests_until_ms = 0 WHERE name = ?1", "ti", name,
                  (int64_t)disabled));
    if (sqlite3_changes(staff->db) == 0) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    TRY(sessions_end(staff, name));
    return staff_note(staff, by, disabled ? "disable" : "enable", name, now_ms);
}

struct status staff_set_password(struct staff *staff, const char *name, const char *password, const char *by,
                                 int64_t now_ms, const char **out_problem)
{
    char encoded[256];
    const char *problem = password_problem(password);
    if (problem) {
        if (out_problem) {
            *out_problem = problem;
        }
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(password_hash(staff->crypto, password, encoded, sizeof encoded));
    TRY(staff_run(staff, "UPDATE accounts SET password = ?2, failures = 0, rests_until_ms = 0 WHERE name = ?1", "tt", name,
                  encoded));
    if (sqlite3_changes(staff->db) == 0) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    TRY(sessions_end(staff, name));
    return staff_note(staff, by, "password", name, now_ms);
}

static const char *text_at(sqlite3_stmt *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query, column);
    return text ? (const char *)text : "";
}

void staff_account_read(sqlite3_stmt *query, int first_column, struct staff_account *out_account)
{
    struct staff_account account = {.role = STAFF_AUDITOR};
    (void)snprintf(account.name, sizeof account.name, "%s", text_at(query, first_column));
    (void)snprintf(account.pseudonym, sizeof account.pseudonym, "%s", text_at(query, first_column + 1));
    (void)staff_role_by_name(text_at(query, first_column + 2), &account.role);
    (void)snprintf(account.scope, sizeof account.scope, "%s", text_at(query, first_column + 3));
    *out_account = account;
}

json_t *staff_list(struct staff *staff)
{
    sqlite3_stmt *query = NULL;
    json_t *list = json_array();
    struct status status = staff_query(
        staff, &query, "SELECT name, role, scope, pseudonym, disabled, created_ms, last_ms FROM accounts ORDER BY name", "");
    while (status_is_ok(status) && sqlite3_step(query) == SQLITE_ROW) {
        json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:I}", "name", text_at(query, 0), "role",
                                              text_at(query, 1), "scope", text_at(query, 2), "pseudonym", text_at(query, 3),
                                              "disabled", sqlite3_column_int(query, 4), "created_ms",
                                              (json_int_t)sqlite3_column_int64(query, 5), "last_ms",
                                              (json_int_t)sqlite3_column_int64(query, 6)));
    }
    sqlite3_finalize(query);
    return list;
}

json_t *staff_acts(struct staff *staff)
{
    sqlite3_stmt *query = NULL;
    json_t *list = json_array();
    struct status status =
        staff_query(staff, &query, "SELECT at_ms, actor, what, name FROM acts ORDER BY number DESC LIMIT 100", "");
    while (status_is_ok(status) && sqlite3_step(query) == SQLITE_ROW) {
        json_array_append_new(list, json_pack("{s:I,s:s,s:s,s:s}", "at_ms", (json_int_t)sqlite3_column_int64(query, 0), "by",
                                              text_at(query, 1), "what", text_at(query, 2), "name", text_at(query, 3)));
    }
    sqlite3_finalize(query);
    return list;
}
