/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_STAFF_STAFF_H
#define NODE_STAFF_STAFF_H

#include <jansson.h>

#include "proto/ids.h"
#include "sync/crypto.h"

/* Who may look at the screens and act on them: accounts, passwords, sessions and what was done to them, in a file of its
 * own (DATA_DIR/staff.db, 0600, part of a backup). Several handles may stand on it, of one process or of the CLI; one thread each.
 *
 * Passwords are kept as argon2id (RFC 9106; 19 MiB, 2 passes). After FAILURES_MAX wrong ones in a row an account rests, longer
 * each time, and so does an address from which many wrong ones came, whatever their names; an unknown name takes as long as a known one. Of a session only the hash of its token is kept. In the signed log an
 * account is named by its pseudonym, which says nothing about the person. Proved by tests/unit/staff/test_staff.c. */

enum staff_role {
    STAFF_NATIONAL, /* reads and acts on everything, keeps the accounts; only at the hub */
    STAFF_PROVINCE, /* reads its province */
    STAFF_REGENCY,  /* reads its regency; at that regency's node also acts, and keeps the accounts */
    STAFF_AUDITOR,  /* reads its scope */
    STAFF_ROLE_COUNT,
};

enum {
    STAFF_NAME_MAX = 32,
    STAFF_PASSWORD_MIN = 12,
    STAFF_PASSWORD_MAX = 200,
    STAFF_TOKEN_SIZE = 64, /* hexadecimal digits of a session's token and of its csrf token */
    STAFF_FAILURES_MAX = 5,
    STAFF_ADDRESS_FAILURES_MAX = 30, /* an office shares one address */
    STAFF_ADDRESS_MAX = 45,
    STAFF_CODE_SIZE = 24, /* of an invitation */
    STAFF_SESSIONS_MAX = 20, /* of one account; the oldest goes */
};

#define STAFF_IDLE_MS (30 * 60 * 1000)
#define STAFF_SESSION_MS (12 * 3600 * 1000)
#define STAFF_INVITATION_MS ((int64_t)7 * 24 * 3600 * 1000)
#define STAFF_ADDRESS_FORGET_MS (3600 * 1000) /* without a failure */
#define STAFF_REST_MS (60 * 1000) /* doubles with each further failure, up to an hour */

struct staff_account {
    char name[STAFF_NAME_MAX + 1];
    char pseudonym[20]; /* "staf-0a1b2c3d" */
    enum staff_role role;
    char scope[20]; /* "" the nation, "64", "64.09" */
};

struct staff_session {
    struct staff_account account;
    char token[STAFF_TOKEN_SIZE + 1]; /* only from staff_sign_in */
    char csrf[STAFF_TOKEN_SIZE + 1];
    int64_t ends_ms;
};

struct staff;

const char *staff_role_name(enum staff_role role);
bool staff_role_by_name(const char *name, enum staff_role *out_role);

/* `crypto` is borrowed (random, sha256). IO, DENIED. */
struct status staff_open(const char *path, const struct crypto *crypto, struct staff **out_staff) MUST_CHECK;
void staff_close(struct staff *staff); /* NULL is fine */

/* `by`: who does it, for the record: a pseudonym or "cli". `problem` (may be NULL) gets a static sentence. INVALID: name,
 * password or scope do not hold; EXISTS. */
struct status staff_add(struct staff *staff, const char *name, enum staff_role role, const char *scope,
                        const char *password, const char *by, int64_t now_ms, const char **out_problem) MUST_CHECK;
/* NOT_FOUND. Disabling and a new password end every session of the account. */
struct status staff_set_disabled(struct staff *staff, const char *name, bool disabled, const char *by, int64_t now_ms) MUST_CHECK;
struct status staff_set_password(struct staff *staff, const char *name, const char *password, const char *by, int64_t now_ms,
                                 const char **out_problem) MUST_CHECK;
/* [{"name","role","scope","pseudonym","disabled","created_ms","last_ms"}] and the newest acts [{"at_ms","by","what","name"}]. */
json_t *staff_list(struct staff *staff);
json_t *staff_acts(struct staff *staff);

/* DENIED: name or password are wrong, or the account is disabled; BUSY: it rests after failures. */
struct status staff_sign_in(struct staff *staff, const char *name, const char *password, int64_t now_ms,
                            struct staff_session *out_session) MUST_CHECK;
/* NOT_FOUND: no such session, or it has ended. */
struct status staff_session(struct staff *staff, struct span token, int64_t now_ms, struct staff_session *out_session) MUST_CHECK;
void staff_sign_out(struct staff *staff, struct span token);

/* Lock-out per address. BUSY: it rests. "" is never counted: nobody knows who is behind it. */
struct status staff_address_check(struct staff *staff, const char *address, int64_t now_ms) MUST_CHECK;
struct status staff_address_failed(struct staff *staff, const char *address, int64_t now_ms) MUST_CHECK;

/* A code with which the person of this account chooses a password, once, within STAFF_INVITATION_MS. What held before ends: the
 * password, the sessions, an earlier code. Only its hash is kept. NOT_FOUND. */
struct status staff_invite(struct staff *staff, const char *name, const char *by, int64_t now_ms,
                           char out_code[STAFF_CODE_SIZE + 1]) MUST_CHECK;
/* Sets the password and opens a session. DENIED: no such code, used, or too old; INVALID with a sentence: the password. */
struct status staff_accept(struct staff *staff, const char *code, const char *password, int64_t now_ms,
                           struct staff_session *out_session, const char **out_problem) MUST_CHECK;

/* A random password that a person can type: five groups of four. */
void staff_password_make(const struct crypto *crypto, char out_password[25]);

#endif
