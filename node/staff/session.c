/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/staff/staff_parts.h"

/* Signing in, sessions, and the rest after failures. */

#define USED_MS (60 * 1000) /* a session's last use is written so often */

static void hex(const uint8_t *bytes, size_t size, char *out_text)
{
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(out_text + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void token_make(struct staff *staff, char out_text[STAFF_TOKEN_SIZE + 1])
{
    uint8_t bytes[STAFF_TOKEN_SIZE / 2];
    staff->crypto->random(staff->crypto->owner, bytes, sizeof bytes);
    hex(bytes, sizeof bytes, out_text);
}

struct hash staff_token_hash(struct staff *staff, struct span token)
{
    struct hash hash;
    const struct span parts[] = {span_of("simpul/session/v1", 18), token};
    staff->crypto->sha256(staff->crypto->owner, parts, 2, &hash);
    return hash;
}

int64_t staff_rest_ms(int64_t failures, int64_t failures_max)
{
    int64_t over = failures - failures_max;
    return over < 0 ? 0 : (int64_t)STAFF_REST_MS << (over < 6 ? over : 6);
}

static struct status failed(struct staff *staff, const char *name, int64_t failures, int64_t now_ms)
{
    int64_t rest_ms = staff_rest_ms(failures + 1, STAFF_FAILURES_MAX);
    TRY(staff_run(staff, "UPDATE accounts SET failures = failures + 1, rests_until_ms = ?2 WHERE name = ?1", "ti", name,
                  rest_ms ? now_ms + rest_ms : (int64_t)0));
    return failures + 1 == STAFF_FAILURES_MAX ? staff_note(staff, name, "locked", name, now_ms) : status_ok();
}

struct status staff_session_make(struct staff *staff, const char *name, int64_t now_ms, struct staff_session *session)
{
    token_make(staff, session->token);
    token_make(staff, session->csrf);
    session->ends_ms = now_ms + STAFF_SESSION_MS;
    struct hash hash = staff_token_hash(staff, span_text(session->token));
    TRY(staff_run(staff, "DELETE FROM sessions WHERE began_ms < ?1 OR used_ms < ?2", "ii", now_ms - STAFF_SESSION_MS,
                  now_ms - STAFF_IDLE_MS));
    TRY(staff_run(staff,
                  "DELETE FROM sessions WHERE token IN (SELECT token FROM sessions WHERE name = ?1 ORDER BY began_ms DESC"
                  " LIMIT -1 OFFSET ?2)",
                  "ti", name, (int64_t)STAFF_SESSIONS_MAX - 1));
    TRY(staff_run(staff, "INSERT INTO sessions VALUES (?1, ?2, ?3, ?4, ?4)", "btti", hash.bytes, name, session->csrf, now_ms));
    return staff_run(staff, "UPDATE accounts SET failures = 0, rests_until_ms = 0, last_ms = ?2 WHERE name = ?1", "ti", name,
                     now_ms);
}

struct known {
    bool found;
    bool disabled;
    int64_t failures;
    int64_t rests_until_ms;
    char password[256];
};

static struct status account_find(struct staff *staff, const char *name, struct known *out_known, struct staff_account *out_account)
{
    sqlite3_stmt *query = NULL;
    struct known known = {.found = false};
    struct status status = staff_query(staff, &query,
                                       "SELECT name, pseudonym, role, scope, password, disabled, failures, rests_until_ms"
                                       " FROM accounts WHERE name = ?1",
                                       "t", name);
    int rc = status_is_ok(status) ? sqlite3_step(query) : SQLITE_ERROR;
    if (rc == SQLITE_ROW) {
        known.found = true;
        staff_account_read(query, 0, out_account);
        (void)snprintf(known.password, sizeof known.password, "%s", (const char *)sqlite3_column_text(query, 4));
        known.disabled = sqlite3_column_int(query, 5) != 0;
        known.failures = sqlite3_column_int64(query, 6);
        known.rests_until_ms = sqlite3_column_int64(query, 7);
    }
    sqlite3_finalize(query);
    *out_known = known;
    return status_is_ok(status) ? staff_result(rc) : status;
}

struct status staff_sign_in(struct staff *staff, const char *name, const char *password, int64_t now_ms,
                            struct staff_session *out_session)
{
    struct known known;
    struct staff_session session = {.ends_ms = 0};
    TRY(account_find(staff, name, &known, &session.account));
    if (!known.found || strlen(password) > STAFF_PASSWORD_MAX) {
        password_waste(known.found ? "" : password);
        return STATUS_MAKE(STATUS_DENIED);
    }
    if (known.rests_until_ms > now_ms) {
        return STATUS_MAKE(STATUS_BUSY);
    }
    if (!password_fits(known.password, password)) {
        TRY(failed(staff, name, known.failures, now_ms));
        return STATUS_MAKE(STATUS_DENIED);
    }
    if (known.disabled) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    TRY(staff_session_make(staff, name, now_ms, &session));
    *out_session = session;
    return status_ok();
}

struct status staff_session(struct staff *staff, struct span token, int64_t now_ms, struct staff_session *out_session)
{
    sqlite3_stmt *query = NULL;
    struct hash hash = staff_token_hash(staff, token);
    if (token.size != STAFF_TOKEN_SIZE) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    TRY(staff_query(staff, &query,
                    "SELECT a.name, a.pseudonym, a.role, a.scope, s.csrf, s.began_ms, s.used_ms FROM sessions s JOIN accounts a"
                    " ON a.name = s.name WHERE s.token = ?1 AND a.disabled = 0 AND s.began_ms > ?2 AND s.used_ms > ?3",
                    "bii", hash.bytes, now_ms - STAFF_SESSION_MS, now_ms - STAFF_IDLE_MS));
    int rc = sqlite3_step(query);
    struct staff_session session = {.ends_ms = 0};
    int64_t used_ms = 0;
    if (rc == SQLITE_ROW) {
        staff_account_read(query, 0, &session.account);
        (void)snprintf(session.csrf, sizeof session.csrf, "%s", (const char *)sqlite3_column_text(query, 4));
        session.ends_ms = sqlite3_column_int64(query, 5) + STAFF_SESSION_MS;
        used_ms = sqlite3_column_int64(query, 6);
    }
    sqlite3_finalize(query);
    TRY(staff_result(rc));
    if (rc != SQLITE_ROW) {
        return STATUS_MAKE(STATUS_NOT_FOUND);
    }
    if (now_ms - used_ms > USED_MS) {
        TRY(staff_run(staff, "UPDATE sessions SET used_ms = ?2 WHERE token = ?1", "bi", hash.bytes, now_ms));
    }
    *out_session = session;
    return status_ok();
}

void staff_sign_out(struct staff *staff, struct span token)
{
    struct hash hash = staff_token_hash(staff, token);
    struct status status = staff_run(staff, "DELETE FROM sessions WHERE token = ?1", "b", hash.bytes);
    (void)status; /* it ends by itself */
}
