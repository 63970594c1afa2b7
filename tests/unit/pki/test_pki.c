/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_pki */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/pki/pki.h"

/* Covers node/pki/. */

#define NOW_S 1790000000

struct place {
    char folder[64];
    char problem[PKI_PROBLEM_SIZE];
};

static const char *path_of(const struct place *place, const char *file)
{
    static char paths[4][384];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", place->folder, file);
    return path;
}

static void assert_code(const struct place *place, struct status status, enum status_code code, const char *word)
{
    if (status.code != code || (word && !strstr(place->problem, word))) {
        fail_msg("expected status %d and '%s', got %d: %s", (int)code, word ? word : "", (int)status.code,
                 place->problem);
    }
}

static void assert_good(const struct place *place, struct status status)
{
    assert_code(place, status, STATUS_OK, NULL);
}

static struct status issue(struct place *place, struct pki_issue wanted)
{
    place->problem[0] = 0;
    wanted.now_s = NOW_S;
    return pki_issue(place->folder, place->folder, &wanted, place->problem, sizeof place->problem);
}

static struct status issue_node(struct place *place, const char *name)
{
    return issue(place, (struct pki_issue){.kind = PKI_NODE, .name = name, .node_id = "61.03"});
}

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/simpul-pki-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    assert_good(place, pki_ca_create(place->folder, "lapor-uji", NOW_S, place->problem, sizeof place->problem));
    *state = place;
    return 0;
}

static int drop_place(void **state)
{
    struct place *place = *state;
    DIR *entries = opendir(place->folder);
    struct dirent *entry;
    assert_non_null(entries);
    while ((entry = readdir(entries)) != NULL) {
        (void)unlink(path_of(place, entry->d_name));
    }
    (void)closedir(entries);
    assert_int_equal(rmdir(place->folder), 0);
    free(place);
    return 0;
}

static struct pki_facts facts_of(struct place *place, const char *file)
{
    struct pki_facts facts;
    assert_good(place,
                pki_certificate_facts(path_of(place, file), NOW_S, &facts, place->problem, sizeof place->problem));
    return facts;
}

static unsigned mode_of(const struct place *place, const char *file)
{
    struct stat facts;
    assert_int_equal(stat(path_of(place, file), &facts), 0);
    return facts.st_mode & 07777;
}

static X509 *load(const struct place *place, const char *file)
{
    FILE *opened = fopen(path_of(place, file), "re");
    assert_non_null(opened);
    X509 *certificate = PEM_read_X509(opened, NULL, NULL, NULL);
    (void)fclose(opened);
    assert_non_null(certificate);
    return certificate;
}

/* What OpenSSL, strict, says of a certificate for a purpose at NOW_S. */
static int verify(const struct place *place, const char *file, int purpose)
{
    X509 *ca = load(place, "ca.pem");
    X509 *certificate = load(place, file);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    assert_int_equal(X509_STORE_CTX_init(context, store, certificate, NULL), 1);
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(parameters, NOW_S);
    (void)X509_VERIFY_PARAM_set_purpose(parameters, purpose);
    (void)X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
    (void)X509_verify_cert(context);
    int result = X509_STORE_CTX_get_error(context);
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    X509_free(certificate);
    X509_free(ca);
    return result;
}

static void an_authority_lives_ten_years_and_signs_only_ends(void **state)
{
    struct place *place = *state;
    struct pki_facts facts = facts_of(place, "ca.pem");
    assert_true(facts.is_ca);
    assert_int_equal(facts.days_left, PKI_CA_DAYS);
    assert_string_equal(facts.subject, "Simpul CA");
    assert_string_equal(facts.uri, "");
    assert_int_equal(mode_of(place, "ca.key"), 0400);
    X509 *ca = load(place, "ca.pem");
    assert_int_equal(X509_get_pathlen(ca), 0);
    X509_free(ca);
}

static void an_authority_is_never_overwritten(void **state)
{
    struct place *place = *state;
    struct pki_facts before = facts_of(place, "ca.pem");
    assert_code(place, pki_ca_create(place->folder, "lapor-uji", NOW_S, place->problem, sizeof place->problem),
                STATUS_EXISTS, "ca.key");
    struct pki_facts after = facts_of(place, "ca.pem");
    assert_memory_equal(before.spki_sha256, after.spki_sha256, 32);
}

static void a_node_s_certificate_names_it_for_90_days(void **state)
{
    struct place *place = *state;
    assert_good(place, issue_node(place, "sanggau"));
    struct pki_facts facts = facts_of(place, "sanggau.pem");
    assert_string_equal(facts.uri, "simpul://lapor-uji/node/61.03");
    assert_string_equal(facts.subject, "sanggau");
    assert_int_equal(facts.days_left, PKI_CERTIFICATE_DAYS);
    assert_true(facts.not_before_s < NOW_S);
    assert_false(facts.is_ca);
    assert_int_equal(mode_of(place, "sanggau.key"), 0400);
    assert_int_equal(verify(place, "sanggau.pem", X509_PURPOSE_SSL_CLIENT), X509_V_OK);
    assert_int_equal(verify(place, "sanggau.pem", X509_PURPOSE_SSL_SERVER), X509_V_ERR_INVALID_PURPOSE);
}

static void a_server_s_certificate_has_its_names_and_addresses(void **state)
{
    static const char *const dns[] = {"hub.example.go.id", "localhost"};
    static const char *const ip[] = {"10.1.2.3", "fd00::1"};
    struct place *place = *state;
    assert_good(
        place,
        issue(place,
              (struct pki_issue){
                  .kind = PKI_SERVER, .name = "hub", .dns = dns, .dns_count = 2, .ip = ip, .ip_count = 2, .days = 30}));
    assert_int_equal(facts_of(place, "hub.pem").days_left, 30);
    assert_int_equal(verify(place, "hub.pem", X509_PURPOSE_SSL_SERVER), X509_V_OK);
    assert_int_equal(verify(place, "hub.pem", X509_PURPOSE_SSL_CLIENT), X509_V_ERR_INVALID_PURPOSE);
    X509 *certificate = load(place, "hub.pem");
    assert_int_equal(X509_check_host(certificate, "hub.example.go.id", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(certificate, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(certificate, "other.go.id", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(certificate, "10.1.2.3", 0), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "fd00::1", 0), 1);
    X509_free(certificate);
}

static void two_certificates_share_neither_key_nor_serial(void **state)
{
    struct place *place = *state;
    assert_good(place, issue_node(place, "one"));
    assert_good(place, issue_node(place, "two"));
    struct pki_facts one_facts = facts_of(place, "one.pem");
    struct pki_facts two_facts = facts_of(place, "two.pem");
    assert_memory_not_equal(one_facts.spki_sha256, two_facts.spki_sha256, 32);
    X509 *one = load(place, "one.pem");
    X509 *two = load(place, "two.pem");
    assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(one), X509_get0_serialNumber(two)), 0);
    X509_free(one);
    X509_free(two);
}

static void a_certificate_is_never_overwritten(void **state)
{
    struct place *place = *state;
    assert_good(place, issue_node(place, "twice"));
    assert_code(place, issue_node(place, "twice"), STATUS_EXISTS, "twice.key");
    /* With only the certificate there, no lonely key is left behind. */
    assert_int_equal(unlink(path_of(place, "twice.key")), 0);
    assert_code(place, issue_node(place, "twice"), STATUS_EXISTS, "twice.pem");
    assert_int_not_equal(access(path_of(place, "twice.key"), F_OK), 0);
}

static void names_that_would_change_the_meaning_are_refused(void **state)
{
    static const char *const bad_dns[] = {"hub,DNS:evil", "hub evil", "", "hub/evil", "URI:x"};
    static const char *const bad_ip[] = {"300.1.1.1", "hub", "", "1.2.3.4,DNS:evil"};
    static const char *const bad_id[] = {"", "61,03", "a/b", "ABC", "12345678901234567", NULL};
    static const char *const bad_name[] = {"", "../x", ".hidden", "a/b", "a b", NULL};
    struct place *place = *state;
    for (size_t i = 0; i < sizeof bad_dns / sizeof bad_dns[0]; i++) {
        struct pki_issue wanted = {.kind = PKI_SERVER, .name = "bad", .dns = &bad_dns[i], .dns_count = 1};
        assert_code(place, issue(place, wanted), STATUS_INVALID, "DNS name 1");
    }
    for (size_t i = 0; i < sizeof bad_ip / sizeof bad_ip[0]; i++) {
        struct pki_issue wanted = {.kind = PKI_SERVER, .name = "bad", .ip = &bad_ip[i], .ip_count = 1};
        assert_code(place, issue(place, wanted), STATUS_INVALID, "IP address 1");
    }
    for (size_t i = 0; i < sizeof bad_id / sizeof bad_id[0]; i++) {
        struct pki_issue wanted = {.kind = PKI_NODE, .name = "bad", .node_id = bad_id[i]};
        assert_code(place, issue(place, wanted), STATUS_INVALID, "node's id");
    }
    for (size_t i = 0; i < sizeof bad_name / sizeof bad_name[0]; i++) {
        assert_code(place, issue_node(place, bad_name[i]), STATUS_INVALID, "certificate's name");
    }
    assert_code(place, issue(place, (struct pki_issue){.kind = PKI_SERVER, .name = "bad"}), STATUS_INVALID,
                "at least one");
    assert_code(place, pki_ca_create(path_of(place, "x"), "Two Words", NOW_S, place->problem, sizeof place->problem),
                STATUS_INVALID, "deployment's name");
    assert_int_not_equal(access(path_of(place, "bad.key"), F_OK), 0);
    assert_int_not_equal(access(path_of(place, "bad.pem"), F_OK), 0);
}

static void an_open_or_foreign_authority_key_is_refused(void **state)
{
    struct place *place = *state;
    assert_int_equal(chmod(path_of(place, "ca.key"), 0444), 0);
    assert_code(place, issue_node(place, "nobody"), STATUS_DENIED, "ca.key");
    assert_int_equal(chmod(path_of(place, "ca.key"), 0400), 0);
    assert_good(place, issue_node(place, "leaf"));
    assert_int_equal(rename(path_of(place, "ca.key"), path_of(place, "ca.kept")), 0);
    assert_int_equal(link(path_of(place, "leaf.key"), path_of(place, "ca.key")), 0);
    assert_code(place, issue_node(place, "nobody"), STATUS_INVALID, "does not belong");
    assert_int_equal(rename(path_of(place, "ca.kept"), path_of(place, "ca.key")), 0);
    struct pki_issue wanted = {.kind = PKI_NODE, .name = "nobody", .node_id = "1", .now_s = NOW_S};
    assert_code(place, pki_issue("/nonexistent", place->folder, &wanted, place->problem, sizeof place->problem),
                STATUS_NOT_FOUND, "/nonexistent/ca.pem");
}

static void signing_keys_are_made_once(void **state)
{
    struct place *place = *state;
    assert_good(place, pki_keys_create(place->folder, place->problem, sizeof place->problem));
    assert_int_equal(mode_of(place, "log.key"), 0400);
    assert_int_equal(mode_of(place, "cosigner.key"), 0400);
    FILE *file = fopen(path_of(place, "log.key"), "re");
    FILE *public_file = fopen(path_of(place, "log.pub"), "re");
    assert_true(file && public_file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    EVP_PKEY *public_key = PEM_read_PUBKEY(public_file, NULL, NULL, NULL);
    (void)fclose(file);
    (void)fclose(public_file);
    assert_int_equal(EVP_PKEY_get_id(key), EVP_PKEY_ED25519);
    assert_int_equal(EVP_PKEY_eq(key, public_key), 1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(public_key);
    assert_code(place, pki_keys_create(place->folder, place->problem, sizeof place->problem), STATUS_EXISTS, "log.key");
}

static void expiry_is_counted_in_whole_days(void **state)
{
    static const struct {
        int64_t before_end_s;
        int64_t days_left;
    } cases[] = {{86400, 1}, {86399, 0}, {0, 0}, {-1, -1}, {-86400, -1}, {-86401, -2}};
    struct place *place = *state;
    struct pki_facts facts;
    assert_good(place, issue(place, (struct pki_issue){.kind = PKI_NODE, .name = "days", .node_id = "1", .days = 10}));
    const char *path = path_of(place, "days.pem");
    int64_t end_s = NOW_S + (int64_t)10 * 86400;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_good(place, pki_certificate_facts(path, end_s - cases[i].before_end_s, &facts, NULL, 0));
        assert_int_equal(facts.days_left, cases[i].days_left);
    }
    assert_int_equal(facts.not_after_s, end_s);
}

static void files_that_are_no_certificates_are_told(void **state)
{
    struct place *place = *state;
    struct pki_facts facts = {.days_left = 7};
    assert_code(place,
                pki_certificate_facts(path_of(place, "none.pem"), NOW_S, &facts, place->problem, sizeof place->problem),
                STATUS_NOT_FOUND, "none.pem");
    assert_code(place,
                pki_certificate_facts(path_of(place, "ca.key"), NOW_S, &facts, place->problem, sizeof place->problem),
                STATUS_INVALID, "ca.key");
    assert_int_equal(facts.days_left, 7);
}

static void a_key_file_for_others_is_refused(void **state)
{
    static const struct {
        mode_t mode;
        enum status_code code;
    } cases[] = {{0400, STATUS_OK},     {0600, STATUS_OK},     {0440, STATUS_DENIED}, {0404, STATUS_DENIED},
                 {0620, STATUS_DENIED}, {0700, STATUS_DENIED}, {0644, STATUS_DENIED}, {0410, STATUS_DENIED}};
    struct place *place = *state;
    const char *path = path_of(place, "ca.key");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(chmod(path, cases[i].mode), 0);
        assert_code(place, pki_key_file_check(path, place->problem, sizeof place->problem), cases[i].code,
                    cases[i].code == STATUS_OK ? NULL : "chmod 400");
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_code(place, pki_key_file_check(place->folder, place->problem, sizeof place->problem), STATUS_DENIED,
                "not a file");
    assert_code(place, pki_key_file_check("/nonexistent", place->problem, sizeof place->problem), STATUS_NOT_FOUND,
                "/nonexistent");
}

static struct pki_pair pair_of(const struct place *place, const char *certificate, const char *key)
{
    return (struct pki_pair){.authority = path_of(place, "ca.pem"),
                             .certificate = path_of(place, certificate),
                             .key = path_of(place, key),
                             .deployment = "lapor-uji",
                             .node_id = "61.03",
                             .now_s = NOW_S};
}

static void a_certificate_and_key_that_belong_together_are_told_from_all_others(void **state)
{
    struct place *place = *state;
    char *problem = place->problem;
    assert_good(place, issue_node(place, "satu"));
    assert_good(place, issue_node(place, "dua"));
    struct pki_pair pair = pair_of(place, "satu.pem", "satu.key");
    assert_good(place, pki_pair_check(&pair, problem, sizeof place->problem));
    pair.now_s = NOW_S + INT64_C(91) * 86400;
    assert_code(place, pki_pair_check(&pair, problem, sizeof place->problem), STATUS_INVALID, "expired");
    pair.now_s = NOW_S - INT64_C(3652) * 86400;
    assert_code(place, pki_pair_check(&pair, problem, sizeof place->problem), STATUS_INVALID, "clock");
    pair.now_s = NOW_S;
    pair.deployment = "lapor";
    assert_code(place, pki_pair_check(&pair, problem, sizeof place->problem), STATUS_INVALID, "`deployment`");
    pair = pair_of(place, "satu.pem", "dua.key");
    assert_code(place, pki_pair_check(&pair, problem, sizeof place->problem), STATUS_INVALID, "belong together");
    pair = pair_of(place, "ca.pem", "satu.key");
    assert_code(place, pki_pair_check(&pair, problem, sizeof place->problem), STATUS_INVALID, "authority");
    pair = pair_of(place, "satu.pem", "satu.key");
    pair.authority = path_of(place, "dua.pem");
    assert_code(place, pki_pair_check(&pair, problem, sizeof place->problem), STATUS_INVALID, "ca.pem");
    pair = pair_of(place, "satu.pem", "satu.key");
    assert_int_equal(chmod(pair.key, 0640), 0);
    assert_code(place, pki_pair_check(&pair, problem, sizeof place->problem), STATUS_DENIED, "chmod 400");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_authority_lives_ten_years_and_signs_only_ends),
        cmocka_unit_test(an_authority_is_never_overwritten),
        cmocka_unit_test(a_node_s_certificate_names_it_for_90_days),
        cmocka_unit_test(a_server_s_certificate_has_its_names_and_addresses),
        cmocka_unit_test(two_certificates_share_neither_key_nor_serial),
        cmocka_unit_test(a_certificate_is_never_overwritten),
        cmocka_unit_test(names_that_would_change_the_meaning_are_refused),
        cmocka_unit_test(an_open_or_foreign_authority_key_is_refused),
        cmocka_unit_test(signing_keys_are_made_once),
        cmocka_unit_test(expiry_is_counted_in_whole_days),
        cmocka_unit_test(files_that_are_no_certificates_are_told),
        cmocka_unit_test(a_key_file_for_others_is_refused),
        cmocka_unit_test(a_certificate_and_key_that_belong_together_are_told_from_all_others),
    };
    return cmocka_run_group_tests(tests, make_place, drop_place);
}
