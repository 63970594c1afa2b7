/* SPDX-License-Identifier: Apache-2.0 */
#include "node/pki/pki.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/crypto/key_file.h"
#include "node/pki/pki_file.h"

#define DAY_S 86400
#define BACKDATE_S 3600 /* clocks of two offices are never equal */
#define CA_NAME "ca"
#define SAN_SIZE 8192

static struct status no_memory(char *problem, size_t problem_size)
{
    return pki_problem(STATUS_NO_MEMORY, problem, problem_size, "Not enough memory, or OpenSSL has no random bytes.");
}

/* 1 to `max` bytes of a-z, 0-9 and `extra`. */
static bool is_name(const char *text, size_t max, const char *extra)
{
    size_t size = text ? strlen(text) : 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr(extra, c))) {
            return false;
        }
    }
    return size >= 1 && size <= max;
}

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A certificate under construction: sticky, so that making one is linear and checked once at the end. */
struct draft {
    X509 *certificate;
    X509 *issuer;
    bool failed;
};

static void draft_extension(struct draft *draft, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, draft->issuer, draft->certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (!extension || X509_add_ext(draft->certificate, extension, -1) != 1) {
        draft->failed = true;
    }
    X509_EXTENSION_free(extension);
}

static void draft_serial(struct draft *draft)
{
    /* RFC 5280 section 4.1.2.2: positive, unique, at most 20 bytes; random, so no register is needed. */
    unsigned char bytes[16];
    BIGNUM *number = RAND_bytes(bytes, sizeof bytes) == 1 ? BN_bin2bn(bytes, sizeof bytes, NULL) : NULL;
    if (!number || BN_clear_bit(number, 127) < 0 || BN_set_bit(number, 126) != 1 ||
        !BN_to_ASN1_INTEGER(number, X509_get_serialNumber(draft->certificate))) {
        draft->failed = true;
    }
    BN_free(number);
}

static void draft_validity(struct draft *draft, int64_t now_s, int64_t days)
{
    ASN1_TIME *before = X509_getm_notBefore(draft->certificate);
    ASN1_TIME *after = X509_getm_notAfter(draft->certificate);
    if (!ASN1_TIME_adj(before, (time_t)now_s, 0, -BACKDATE_S) || !ASN1_TIME_adj(after, (time_t)now_s, (int)days, 0)) {
        draft->failed = true;
    }
}

static void draft_subject(struct draft *draft, const char *organisation, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(draft->certificate);
    if (X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)organisation, -1, -1, 0) != 1 ||
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0) != 1) {
        draft->failed = true;
    }
}

/* `issuer` NULL: self-signed. */
static void draft_begin(struct draft *draft, X509 *issuer, EVP_PKEY *key)
{
    *draft = (struct draft){.certificate = X509_new(), .issuer = issuer};
    if (!draft->certificate || !key) {
        draft->failed = true;
        return;
    }
    draft->issuer = issuer ? issuer : draft->certificate;
    if (X509_set_version(draft->certificate, X509_VERSION_3) != 1 || X509_set_pubkey(draft->certificate, key) != 1) {
        draft->failed = true;
    }
    draft_serial(draft);
}

static bool draft_sign(struct draft *draft, EVP_PKEY *key)
{
    return !draft->failed && X509_set_issuer_name(draft->certificate, X509_get_subject_name(draft->issuer)) == 1 &&
           X509_sign(draft->certificate, key, EVP_sha256()) > 0;
}

static struct status write_pair(const char *directory, const char *stem, EVP_PKEY *key, X509 *certificate,
                                char *problem, size_t problem_size)
{
    char key_path[PKI_PATH_SIZE];
    char path[PKI_PATH_SIZE];
    TRY(pki_path(directory, stem, "key", problem, problem_size, key_path));
    TRY(pki_path(directory, stem, "pem", problem, problem_size, path));
    TRY(pki_directory(directory, problem, problem_size));
    TRY(key_file_write(key_path, key, problem, problem_size));
    struct status status = pki_write_certificate(path, certificate, problem, problem_size);
    if (!status_is_ok(status)) {
        (void)unlink(key_path); /* made a moment ago, and of no use without its certificate */
    }
    return status;
}

struct status pki_ca_create(const char *directory, const char *deployment, int64_t now_s, char *problem,
                            size_t problem_size)
{
    if (!is_name(deployment, 63, ".-")) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "The deployment's name must be 1 to 63 characters of a-z, 0-9, '.' and '-'.");
    }
    ERR_clear_error();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct draft draft;
    draft_begin(&draft, NULL, key);
    if (!draft.failed) {
        draft_validity(&draft, now_s, PKI_CA_DAYS);
        draft_subject(&draft, deployment, "Simpul CA");
        draft_extension(&draft, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
        draft_extension(&draft, NID_key_usage, "critical,keyCertSign,cRLSign");
        draft_extension(&draft, NID_subject_key_identifier, "hash");
    }
    struct status status = draft_sign(&draft, key)
                               ? write_pair(directory, CA_NAME, key, draft.certificate, problem, problem_size)
                               : no_memory(problem, problem_size);
    X509_free(draft.certificate);
    EVP_PKEY_free(key);
    return status;
}

/* Subject alternative names. The texts go into OpenSSL's small configuration language, so each is checked to hold none
 * of its special characters. */

struct san {
    char text[SAN_SIZE];
    size_t size;
};

static struct status san_add(struct san *san, const char *kind, const char *value, char *problem, size_t problem_size)
{
    int size = snprintf(san->text + san->size, SAN_SIZE - san->size, "%s%s:%s", san->size > 0 ? "," : "", kind, value);
    if (size < 0 || (size_t)size >= SAN_SIZE - san->size) {
        return pki_problem(STATUS_LIMIT, problem, problem_size, "Too many names for one certificate. Give fewer.");
    }
    san->size += (size_t)size;
    return status_ok();
}

static struct status san_server(struct san *san, const struct pki_issue *issue, char *problem, size_t problem_size)
{
    if (issue->dns_count + issue->ip_count == 0) {
        return pki_problem(
            STATUS_INVALID, problem, problem_size,
            "A server certificate needs at least one DNS name or IP address that nodes will connect to.");
    }
    for (size_t i = 0; i < issue->dns_count; i++) {
        if (!is_name(issue->dns[i], 253, "*.-" UPPER)) {
            return pki_problem(STATUS_INVALID, problem, problem_size,
                               "DNS name %zu is not valid. Give a name like hub.go.id.", i + 1);
        }
        TRY(san_add(san, "DNS", issue->dns[i], problem, problem_size));
    }
    for (size_t i = 0; i < issue->ip_count; i++) {
        unsigned char address[16];
        if (inet_pton(AF_INET, issue->ip[i], address) != 1 && inet_pton(AF_INET6, issue->ip[i], address) != 1) {
            return pki_problem(STATUS_INVALID, problem, problem_size,
                               "IP address %zu is not valid. Give one like 10.1.2.3 or fd00::1.", i + 1);
        }
        TRY(san_add(san, "IP", issue->ip[i], problem, problem_size));
    }
    return status_ok();
}

static struct status san_node(struct san *san, const struct pki_issue *issue, const char *deployment, char *problem,
                              size_t problem_size)
{
    char uri[256];
    if (!is_name(issue->node_id, 16, ".")) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "A node's id must be 1 to 16 characters of a-z, 0-9 and '.', for example 61.03.");
    }
    (void)snprintf(uri, sizeof uri, "simpul://%s/node/%s", deployment, issue->node_id);
    return san_add(san, "URI", uri, problem, problem_size);
}

static struct status check_issue(const struct pki_issue *issue, char *problem, size_t problem_size)
{
    if (!is_name(issue->name, 63, ".-_" UPPER) || issue->name[0] == '.') {
        return pki_problem(
            STATUS_INVALID, problem, problem_size,
            "The certificate's name must be 1 to 63 letters, digits, '.', '-' and '_', and not begin with '.'.");
    }
    if (issue->days > PKI_CA_DAYS) {
        return pki_problem(STATUS_INVALID, problem, problem_size, "A certificate can be valid for %d days at most.",
                           PKI_CA_DAYS);
    }
    return status_ok();
}

/* The organisation in the CA's name is the deployment's name. */
static struct status deployment_of(X509 *ca, char *problem, size_t problem_size, char out_name[64])
{
    int size = X509_NAME_get_text_by_NID(X509_get_subject_name(ca), NID_organizationName, out_name, 64);
    if (size < 1 || X509_check_ca(ca) != 1 || !is_name(out_name, 63, ".-")) {
        return pki_problem(
            STATUS_INVALID, problem, problem_size,
            "ca.pem was not made by `simpul pki`. Give the folder in which the deployment's CA was made.");
    }
    return status_ok();
}

static struct status sign_and_write(const char *out_directory, const struct pki_issue *issue, const char *deployment,
                                    const struct san *san, X509 *ca, EVP_PKEY *ca_key, char *problem,
                                    size_t problem_size)
{
    bool server = issue->kind == PKI_SERVER;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    struct draft draft;
    draft_begin(&draft, ca, key);
    if (!draft.failed) {
        draft_validity(&draft, issue->now_s, issue->days ? issue->days : PKI_CERTIFICATE_DAYS);
        draft_subject(&draft, deployment, issue->name);
        draft_extension(&draft, NID_basic_constraints, "critical,CA:FALSE");
        draft_extension(&draft, NID_key_usage, "critical,digitalSignature");
        draft_extension(&draft, NID_ext_key_usage, server ? "serverAuth" : "clientAuth");
        draft_extension(&draft, NID_subject_key_identifier, "hash");
        draft_extension(&draft, NID_authority_key_identifier, "keyid:always");
        draft_extension(&draft, NID_subject_alt_name, san->text);
    }
    struct status status = draft_sign(&draft, ca_key)
                               ? write_pair(out_directory, issue->name, key, draft.certificate, problem, problem_size)
                               : no_memory(problem, problem_size);
    X509_free(draft.certificate);
    EVP_PKEY_free(key);
    return status;
}

static struct status issue_with(X509 *ca, EVP_PKEY *ca_key, const char *out_directory, const struct pki_issue *issue,
                                char *problem, size_t problem_size)
{
    char deployment[64];
    struct san san = {.size = 0};
    TRY(deployment_of(ca, problem, problem_size, deployment));
    if (X509_check_private_key(ca, ca_key) != 1) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "ca.key does not belong to ca.pem. Restore both from the same copy.");
    }
    TRY(issue->kind == PKI_SERVER ? san_server(&san, issue, problem, problem_size)
                                  : san_node(&san, issue, deployment, problem, problem_size));
    return sign_and_write(out_directory, issue, deployment, &san, ca, ca_key, problem, problem_size);
}

struct status pki_issue(const char *ca_directory, const char *out_directory, const struct pki_issue *issue,
                        char *problem, size_t problem_size)
{
    char path[PKI_PATH_SIZE];
    X509 *ca = NULL;
    EVP_PKEY *ca_key = NULL;
    TRY(check_issue(issue, problem, problem_size));
    TRY(pki_path(ca_directory, CA_NAME, "pem", problem, problem_size, path));
    TRY(pki_read_certificate(path, problem, problem_size, &ca));
    struct status status = pki_path(ca_directory, CA_NAME, "key", problem, problem_size, path);
    if (status_is_ok(status)) {
        status = key_file_read_any(path, &ca_key, problem, problem_size);
    }
    if (status_is_ok(status)) {
        status = issue_with(ca, ca_key, out_directory, issue, problem, problem_size);
    }
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    return status;
}

/* An Ed25519 pair: DIRECTORY/STEM.key and STEM.pub. */
static struct status key_create(const char *directory, const char *stem, char *problem, size_t problem_size)
{
    char path[PKI_PATH_SIZE];
    char public_path[PKI_PATH_SIZE];
    TRY(pki_path(directory, stem, "key", problem, problem_size, path));
    TRY(pki_path(directory, stem, "pub", problem, problem_size, public_path));
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!key) {
        return no_memory(problem, problem_size);
    }
    struct status status = key_file_write(path, key, problem, problem_size);
    if (status_is_ok(status)) {
        status = pki_write_public(public_path, key, problem, problem_size);
        if (!status_is_ok(status)) {
            (void)unlink(path); /* made a moment ago, never used */
        }
    }
    EVP_PKEY_free(key);
    return status;
}

static struct status must_be_free(const char *directory, const char *stem, char *problem, size_t problem_size)
{
    char path[PKI_PATH_SIZE];
    TRY(pki_path(directory, stem, "key", problem, problem_size, path));
    if (access(path, F_OK) == 0) {
        return pki_problem(STATUS_EXISTS, problem, problem_size,
                           "%s is there already and is never overwritten: the node's log depends on it.", path);
    }
    return status_ok();
}

struct status pki_keys_create(const char *directory, char *problem, size_t problem_size)
{
    TRY(pki_directory(directory, problem, problem_size));
    TRY(must_be_free(directory, "log", problem, problem_size));
    TRY(must_be_free(directory, "cosigner", problem, problem_size));
    TRY(key_create(directory, "log", problem, problem_size));
    return key_create(directory, "cosigner", problem, problem_size);
}

/* Facts. */

static bool read_time(const ASN1_TIME *time, int64_t *out_s)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0;
    int seconds = 0;
    bool good = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    if (good) {
        *out_s = (int64_t)days * DAY_S + seconds;
    }
    return good;
}

static void read_uri(const X509 *certificate, struct pki_facts *facts)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    size_t count = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_URI) {
            const ASN1_IA5STRING *uri = name->d.uniformResourceIdentifier;
            (void)snprintf(facts->uri, sizeof facts->uri, "%.*s", ASN1_STRING_length(uri), ASN1_STRING_get0_data(uri));
            count++;
        }
    }
    if (count != 1) {
        facts->uri[0] = 0;
    }
    GENERAL_NAMES_free(names);
}

static bool read_facts(X509 *certificate, int64_t now_s, struct pki_facts *facts)
{
    unsigned char *key = NULL;
    int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);
    bool good = size > 0 && EVP_Digest(key, (size_t)size, facts->spki_sha256, NULL, EVP_sha256(), NULL) == 1 &&
                read_time(X509_get0_notBefore(certificate), &facts->not_before_s) &&
                read_time(X509_get0_notAfter(certificate), &facts->not_after_s);
    OPENSSL_free(key);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, facts->subject,
                                    sizeof facts->subject);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_organizationName, facts->deployment,
                                    sizeof facts->deployment);
    read_uri(certificate, facts);
    int64_t left_s = facts->not_after_s - now_s;
    facts->days_left = left_s >= 0 ? left_s / DAY_S : -((-left_s + DAY_S - 1) / DAY_S);
    facts->is_ca = X509_check_ca(certificate) == 1;
    return good;
}

struct status pki_certificate_facts(const char *path, int64_t now_s, struct pki_facts *out_facts, char *problem,
                                    size_t problem_size)
{
    X509 *certificate = NULL;
    TRY(pki_read_certificate(path, problem, problem_size, &certificate));
    struct pki_facts facts = {0};
    bool good = read_facts(certificate, now_s, &facts);
    X509_free(certificate);
    if (!good) {
        return pki_problem(STATUS_INVALID, problem, problem_size, "%s holds a certificate that cannot be understood.",
                           path);
    }
    *out_facts = facts;
    return status_ok();
}
