/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_STAFF_STAFF_PARTS_H
#define NODE_STAFF_STAFF_PARTS_H

#include <sqlite3.h>

#include "node/staff/staff.h"

/* Private to node/staff/. */

struct staff {
    sqlite3 *db;
    const struct crypto *crypto;
};

struct status staff_result(int rc);
/* A statement with its parameters: 't' const char *, 'i' int64_t, 'b' const uint8_t[32]; finalised by the caller. */
struct status staff_query(struct staff *staff, sqlite3_stmt **out_query, const char *sql, const char *types, ...) MUST_CHECK;
/* The same, run to its end. */
struct status staff_run(struct staff *staff, const char *sql, const char *types, ...) MUST_CHECK;
struct status staff_note(struct staff *staff, const char *by, const char *what, const char *name, int64_t now_ms) MUST_CHECK;
void staff_account_read(sqlite3_stmt *query, int first_column, struct staff_account *out_account);

/* session.c */
struct hash staff_token_hash(struct staff *staff, struct span token);
int64_t staff_rest_ms(int64_t failures, int64_t failures_max);
struct status staff_session_make(struct staff *staff, const char *name, int64_t now_ms, struct staff_session *session) MUST_CHECK;

/* staff.c: a sentence, or NULL. */
const char *password_problem(const char *password);

/* password.c */
struct status password_hash(const struct crypto *crypto, const char *password, char *out_encoded, size_t size) MUST_CHECK;
bool password_fits(const char *encoded, const char *password);
/* As long as password_fits takes. */
void password_waste(const char *password);

#endif
