/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_staff node_crypto */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/base/heap.h"
#include "node/crypto/crypto_openssl.h"
#include "node/staff/staff.h"

#define NOW 1760000000000
#define GOOD "kata sandi panjang"

struct place {
    char folder[64];
    char path[128];
    struct crypto *crypto;
    struct staff *staff;
};

static int place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/simpul-staff-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/staff.db", place->folder);
    assert_true(status_is_ok(crypto_openssl_new_random(&place->crypto)));
    assert_true(status_is_ok(staff_open(place->path, place->crypto, &place->staff)));
    *state = place;
    return 0;
}

static int place_remove(void **state)
{
    struct place *place = *state;
    char command[128];
    staff_close(place->staff);
    crypto_openssl_free(place->crypto);
    (void)snprintf(command, sizeof command, "rm -rf %s", place->folder);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static enum status_code add(struct place *place, const char *name, enum staff_role role, const char *scope, const char *password)
{
    return staff_add(place->staff, name, role, scope, password, "cli", NOW, NULL).code;
}

static enum status_code sign_in(struct place *place, const char *password, int64_t now_ms, struct staff_session *out_session)
{
    return staff_sign_in(place->staff, "petugas", password, now_ms, out_session).code;
}

static void the_right_password_opens_a_session_and_a_wrong_one_does_not(void **state)
{
    struct place *place = *state;
    struct staff_session session;
    struct staff_session found;
    assert_int_equal(add(place, "petugas", STAFF_REGENCY, "64.09", GOOD), STATUS_OK);
    assert_int_equal(sign_in(place, "kata sandi pendek", NOW, &session), STATUS_DENIED);
    assert_int_equal(staff_sign_in(place->staff, "orang lain", GOOD, NOW, &session).code, STATUS_DENIED);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_OK);
    assert_int_equal(strlen(session.token), STAFF_TOKEN_SIZE);
    assert_int_equal(staff_session(place->staff, span_text(session.token), NOW + 1000, &found).code, STATUS_OK);
    assert_string_equal(found.account.name, "petugas");
    assert_string_equal(found.account.scope, "64.09");
    assert_int_equal(found.account.role, STAFF_REGENCY);
    assert_string_equal(found.csrf, session.csrf);
    session.token[0] = session.token[0] == 'a' ? 'b' : 'a';
    assert_int_equal(staff_session(place->staff, span_text(session.token), NOW + 1000, &found).code, STATUS_NOT_FOUND);
    assert_int_equal(staff_session(place->staff, span_text(""), NOW, &found).code, STATUS_NOT_FOUND);
}

static void a_session_ends_when_idle_when_old_and_at_sign_out(void **state)
{
    struct place *place = *state;
    struct staff_session session;
    struct staff_session found;
    assert_int_equal(add(place, "petugas", STAFF_NATIONAL, "", GOOD), STATUS_OK);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_OK);
    struct span token = span_text(session.token);
    assert_int_equal(staff_session(place->staff, token, NOW + STAFF_IDLE_MS + 1, &found).code, STATUS_NOT_FOUND);
    int64_t now = NOW;
    for (; now < NOW + STAFF_SESSION_MS - STAFF_IDLE_MS; now += STAFF_IDLE_MS - 1000) {
        assert_int_equal(staff_session(place->staff, token, now, &found).code, STATUS_OK);
    }
    assert_int_equal(staff_session(place->staff, token, NOW + STAFF_SESSION_MS + 1, &found).code, STATUS_NOT_FOUND);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_OK);
    staff_sign_out(place->staff, span_text(session.token));
    assert_int_equal(staff_session(place->staff, span_text(session.token), NOW, &found).code, STATUS_NOT_FOUND);
}

static void an_account_rests_after_five_failures_and_longer_each_time(void **state)
{
    struct place *place = *state;
    struct staff_session session;
    assert_int_equal(add(place, "petugas", STAFF_NATIONAL, "", GOOD), STATUS_OK);
    for (int i = 0; i < STAFF_FAILURES_MAX; i++) {
        assert_int_equal(sign_in(place, "salah salah salah", NOW, &session), STATUS_DENIED);
    }
    assert_int_equal(sign_in(place, GOOD, NOW + 1000, &session), STATUS_BUSY);
    int64_t later = NOW + STAFF_REST_MS + 1;
    assert_int_equal(sign_in(place, "salah salah salah", later, &session), STATUS_DENIED);
    assert_int_equal(sign_in(place, GOOD, later + STAFF_REST_MS + 1, &session), STATUS_BUSY);
    assert_int_equal(sign_in(place, GOOD, later + 2 * STAFF_REST_MS + 1, &session), STATUS_OK);
}

static void disabling_and_a_new_password_end_every_session(void **state)
{
    struct place *place = *state;
    struct staff_session session;
    struct staff_session found;
    assert_int_equal(add(place, "petugas", STAFF_NATIONAL, "", GOOD), STATUS_OK);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_OK);
    assert_int_equal(staff_set_disabled(place->staff, "petugas", true, "cli", NOW).code, STATUS_OK);
    assert_int_equal(staff_session(place->staff, span_text(session.token), NOW, &found).code, STATUS_NOT_FOUND);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_DENIED);
    assert_int_equal(staff_set_disabled(place->staff, "petugas", false, "cli", NOW).code, STATUS_OK);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_OK);
    assert_int_equal(staff_set_password(place->staff, "petugas", "kata sandi yang lain", "cli", NOW, NULL).code, STATUS_OK);
    assert_int_equal(staff_session(place->staff, span_text(session.token), NOW, &found).code, STATUS_NOT_FOUND);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_DENIED);
    assert_int_equal(sign_in(place, "kata sandi yang lain", NOW, &session), STATUS_OK);
    assert_int_equal(staff_set_disabled(place->staff, "tidak ada", true, "cli", NOW).code, STATUS_NOT_FOUND);
}

static void names_passwords_and_scopes_that_do_not_hold_are_refused(void **state)
{
    struct place *place = *state;
    assert_int_equal(add(place, "Petugas", STAFF_NATIONAL, "", GOOD), STATUS_INVALID);
    assert_int_equal(add(place, "a", STAFF_NATIONAL, "", GOOD), STATUS_INVALID);
    assert_int_equal(add(place, "petugas", STAFF_NATIONAL, "", "pendek"), STATUS_INVALID);
    assert_int_equal(add(place, "petugas", STAFF_NATIONAL, "64", GOOD), STATUS_INVALID);
    assert_int_equal(add(place, "petugas", STAFF_PROVINCE, "64.09", GOOD), STATUS_INVALID);
    assert_int_equal(add(place, "petugas", STAFF_REGENCY, "", GOOD), STATUS_INVALID);
    assert_int_equal(add(place, "petugas", STAFF_REGENCY, "DROP TABLE", GOOD), STATUS_INVALID);
    assert_int_equal(add(place, "petugas", STAFF_AUDITOR, "", GOOD), STATUS_OK);
    assert_int_equal(add(place, "petugas", STAFF_AUDITOR, "", GOOD), STATUS_EXISTS);
}

static void the_file_is_private_and_holds_no_password_and_no_token(void **state)
{
    struct place *place = *state;
    struct staff_session session;
    struct stat info;
    char command[512];
    assert_int_equal(add(place, "petugas", STAFF_NATIONAL, "", GOOD), STATUS_OK);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_OK);
    assert_int_equal(stat(place->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    (void)snprintf(command, sizeof command, "grep -aqrF -e '%s' -e '%s' %s", GOOD, session.token, place->folder);
    assert_int_not_equal(system(command), 0);
    (void)snprintf(command, sizeof command, "grep -aqrF '$argon2id$v=19$m=19456,t=2,p=1$' %s", place->folder);
    assert_int_equal(system(command), 0);
}

static void every_change_of_an_account_is_kept_with_its_actor(void **state)
{
    struct place *place = *state;
    assert_int_equal(add(place, "petugas", STAFF_NATIONAL, "", GOOD), STATUS_OK);
    assert_int_equal(staff_set_disabled(place->staff, "petugas", true, "staf-00000001", NOW + 1).code, STATUS_OK);
    json_t *acts = staff_acts(place->staff);
    assert_int_equal(json_array_size(acts), 2);
    const json_t *newest = json_array_get(acts, 0);
    assert_string_equal(json_string_value(json_object_get(newest, "by")), "staf-00000001");
    assert_string_equal(json_string_value(json_object_get(newest, "what")), "disable");
    json_decref(acts);
}

static void an_address_rests_after_thirty_failures_whatever_the_names(void **state)
{
    struct place *place = *state;
    for (int i = 0; i < STAFF_ADDRESS_FAILURES_MAX; i++) {
        assert_int_equal(staff_address_check(place->staff, "203.0.113.9", NOW + i).code, STATUS_OK);
        assert_int_equal(staff_address_failed(place->staff, "203.0.113.9", NOW + i).code, STATUS_OK);
    }
    assert_int_equal(staff_address_check(place->staff, "203.0.113.9", NOW + 1000).code, STATUS_BUSY);
    assert_int_equal(staff_address_check(place->staff, "203.0.113.10", NOW + 1000).code, STATUS_OK);
    int64_t later = NOW + STAFF_REST_MS + 1000;
    assert_int_equal(staff_address_check(place->staff, "203.0.113.9", later).code, STATUS_OK);
    assert_int_equal(staff_address_failed(place->staff, "203.0.113.9", later).code, STATUS_OK);
    assert_int_equal(staff_address_check(place->staff, "203.0.113.9", later + STAFF_REST_MS + 1).code, STATUS_BUSY); /* twice as long */
    int64_t forgotten = later + 2 * STAFF_REST_MS + STAFF_ADDRESS_FORGET_MS + 1;
    assert_int_equal(staff_address_failed(place->staff, "203.0.113.9", forgotten).code, STATUS_OK);
    assert_int_equal(staff_address_check(place->staff, "203.0.113.9", forgotten + 1).code, STATUS_OK);
    for (int i = 0; i < 2 * STAFF_ADDRESS_FAILURES_MAX; i++) {
        assert_int_equal(staff_address_failed(place->staff, "", NOW).code, STATUS_OK);
    }
    assert_int_equal(staff_address_check(place->staff, "", NOW).code, STATUS_OK); /* unknown: nobody is punished */
}

static enum status_code accept_code(struct place *place, const char *code, const char *password, int64_t now_ms)
{
    const char *problem = NULL;
    struct staff_session session;
    struct staff_session found;
    struct status status = staff_accept(place->staff, code, password, now_ms, &session, &problem);
    if (status_is_ok(status)) {
        assert_int_equal(staff_session(place->staff, span_text(session.token), now_ms, &found).code, STATUS_OK);
        assert_string_equal(found.account.name, "petugas");
    }
    assert_true((status.code == STATUS_INVALID) == (problem != NULL));
    return status.code;
}

static void an_invitation_is_taken_up_once_and_in_time(void **state)
{
    struct place *place = *state;
    char first[STAFF_CODE_SIZE + 1];
    char code[STAFF_CODE_SIZE + 1];
    struct staff_session session;
    assert_int_equal(add(place, "petugas", STAFF_REGENCY, "64.09", GOOD), STATUS_OK);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_OK);
    assert_int_equal(staff_invite(place->staff, "tidak ada", "cli", NOW, code).code, STATUS_NOT_FOUND);
    assert_int_equal(staff_invite(place->staff, "petugas", "cli", NOW, first).code, STATUS_OK);
    assert_int_equal(sign_in(place, GOOD, NOW, &session), STATUS_DENIED); /* what held before has ended */
    assert_int_equal(staff_invite(place->staff, "petugas", "cli", NOW, code).code, STATUS_OK);
    assert_int_equal(accept_code(place, first, "kata sandi pilihan", NOW), STATUS_DENIED); /* replaced */
    assert_int_equal(accept_code(place, code, "pendek", NOW), STATUS_INVALID);
    assert_int_equal(accept_code(place, code, "kata sandi pilihan", NOW + STAFF_INVITATION_MS + 1), STATUS_DENIED);
    assert_int_equal(accept_code(place, code, "kata sandi pilihan", NOW + STAFF_INVITATION_MS), STATUS_OK);
    assert_int_equal(accept_code(place, code, "kata sandi lainnya", NOW + 1), STATUS_DENIED);
    assert_int_equal(sign_in(place, "kata sandi pilihan", NOW, &session), STATUS_OK);
    assert_int_equal(staff_invite(place->staff, "petugas", "cli", NOW, code).code, STATUS_OK);
    assert_int_equal(staff_set_disabled(place->staff, "petugas", true, "cli", NOW).code, STATUS_OK);
    assert_int_equal(staff_set_disabled(place->staff, "petugas", false, "cli", NOW).code, STATUS_OK);
    assert_int_equal(accept_code(place, code, "kata sandi pilihan", NOW), STATUS_DENIED); /* shut out in between */
}

static void a_made_password_is_long_and_never_the_same(void **state)
{
    struct place *place = *state;
    char one[25];
    char two[25];
    staff_password_make(place->crypto, one);
    staff_password_make(place->crypto, two);
    assert_int_equal(strlen(one), 24);
    assert_string_not_equal(one, two);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(the_right_password_opens_a_session_and_a_wrong_one_does_not),
        CASE(a_session_ends_when_idle_when_old_and_at_sign_out),
        CASE(an_account_rests_after_five_failures_and_longer_each_time),
        CASE(disabling_and_a_new_password_end_every_session),
        CASE(names_passwords_and_scopes_that_do_not_hold_are_refused),
        CASE(the_file_is_private_and_holds_no_password_and_no_token),
        CASE(every_change_of_an_account_is_kept_with_its_actor),
        CASE(an_address_rests_after_thirty_failures_whatever_the_names),
        CASE(an_invitation_is_taken_up_once_and_in_time),
        CASE(a_made_password_is_long_and_never_the_same),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
