/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "node/staff/staff_parts.h"

/* What an attacker meets besides the rest of an account: the rest of an address; and the codes of invitations. */

#define ADDRESSES_KEPT_MS ((int64_t)24 * 3600 * 1000)

/* Its failures, forgotten after an hour without one, and until when it rests. */
static struct status address_find(struct staff *staff, const char *address, int64_t now_ms, int64_t *out_failures, int64_t *out_until_ms)
{
    sqlite3_stmt *query = NULL;
    struct status status = staff_query(staff, &query, "SELECT failures, rests_until_ms, last_ms FROM addresses WHERE address = ?1", "t", address);
    int rc = status_is_ok(status) ? sqlite3_step(query) : SQLITE_ERROR;
    *out_failures = *out_until_ms = 0;
    if (rc == SQLITE_ROW) {
        *out_until_ms = sqlite3_column_int64(query, 1);
        int64_t last_ms = sqlite3_column_int64(query, 2);
        bool forgotten = now_ms - (last_ms > *out_until_ms ? last_ms : *out_until_ms) > STAFF_ADDRESS_FORGET_MS;
        *out_failures = forgotten ? 0 : sqlite3_column_int64(query, 0);
    }
    sqlite3_finalize(query);
    return status_is_ok(status) ? staff_result(rc) : status;
}

struct status staff_address_check(struct staff *staff, const char *address, int64_t now_ms)
{
    int64_t failures;
    int64_t until_ms;
    if (!address[0]) {
        return status_ok();
    }
    TRY(address_find(staff, address, now_ms, &failures, &until_ms));
    return until_ms > now_ms ? STATUS_MAKE(STATUS_BUSY) : status_ok();
}

struct status staff_address_failed(struct staff *staff, const char *address, int64_t now_ms)
{
    int64_t failures;
    int64_t until_ms;
    if (!address[0]) {
        return status_ok();
    }
    TRY(address_find(staff, address, now_ms, &failures, &until_ms));
    int64_t rest_ms = staff_rest_ms(failures + 1, STAFF_ADDRESS_FAILURES_MAX);
    TRY(staff_run(staff, "DELETE FROM addresses WHERE last_ms < ?1", "i", now_ms - ADDRESSES_KEPT_MS));
    return staff_run(staff, "INSERT OR REPLACE INTO addresses VALUES (?1, ?2, ?3, ?4)", "tiii", address, failures + 1,
                     rest_ms ? now_ms + rest_ms : (int64_t)0, now_ms);
}

struct status staff_invite(struct staff *staff, const char *name, const char *by, int64_t now_ms, char out_code[STAFF_CODE_SIZE + 1])
{
    char nobody_knows[25];
    char code[25];
    staff_password_make(staff->crypto, nobody_knows);
    staff_password_make(staff->crypto, code);
    struct hash hash = staff_token_hash(staff, span_text(code));
    TRY(staff_set_password(staff, name, nobody_knows, by, now_ms, NULL));
    TRY(staff_run(staff, "DELETE FROM invitations WHERE name = ?1 OR until_ms < ?2", "ti", name, now_ms));
    TRY(staff_run(staff, "INSERT INTO invitations VALUES (?1, ?2, ?3)", "bti", hash.bytes, name, now_ms + STAFF_INVITATION_MS));
    TRY(staff_note(staff, by, "invite", name, now_ms));
    memcpy(out_code, code, sizeof code);
    return status_ok();
}

/* Whose code it is. DENIED. */
static struct status invitation_find(struct staff *staff, const struct hash *hash, int64_t now_ms, struct staff_account *out_account)
{
    sqlite3_stmt *query = NULL;
    struct status status = staff_query(staff, &query,
                                       "SELECT a.name, a.pseudonym, a.role, a.scope FROM invitations i JOIN accounts a ON a.name = i.name"
                                       " WHERE i.code = ?1 AND i.until_ms >= ?2 AND a.disabled = 0",
                                       "bi", hash->bytes, now_ms);
    int rc = status_is_ok(status) ? sqlite3_step(query) : SQLITE_ERROR;
    if (rc == SQLITE_ROW) {
        staff_account_read(query, 0, out_account);
    }
    sqlite3_finalize(query);
    TRY(status_is_ok(status) ? staff_result(rc) : status);
    return rc == SQLITE_ROW ? status_ok() : STATUS_MAKE(STATUS_DENIED);
}

struct status staff_accept(struct staff *staff, const char *code, const char *password, int64_t now_ms, struct staff_session *out_session,
                           const char **out_problem)
{
    struct hash hash = staff_token_hash(staff, span_text(code));
    struct staff_session session = {.ends_ms = 0};
    TRY(invitation_find(staff, &hash, now_ms, &session.account));
    *out_problem = password_problem(password);
    if (*out_problem) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    TRY(staff_run(staff, "DELETE FROM invitations WHERE code = ?1", "b", hash.bytes));
    if (sqlite3_changes(staff->db) == 0) {
        return STATUS_MAKE(STATUS_DENIED); /* somebody else used it at the same moment */
    }
    TRY(staff_set_password(staff, session.account.name, password, session.account.pseudonym, now_ms, out_problem));
    TRY(staff_session_make(staff, session.account.name, now_ms, &session));
    *out_session = session;
    return status_ok();
}
