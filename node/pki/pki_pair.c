/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "node/crypto/key_file.h"
#include "node/pki/pki_file.h"

/* Whether the files of a member belong together, asked before anything runs. */

struct pair {
    X509 *authority, *certificate;
    EVP_PKEY *key;
};

static struct status pair_read(const struct pki_pair *files, struct pair *pair, char *problem, size_t problem_size)
{
    TRY(pki_read_certificate(files->authority, problem, problem_size, &pair->authority));
    TRY(pki_read_certificate(files->certificate, problem, problem_size, &pair->certificate));
    TRY(pki_key_file_check(files->key, problem, problem_size));
    return key_file_read_any(files->key, &pair->key, problem, problem_size);
}

static struct status pair_fits(const struct pki_pair *files, const struct pair *pair, char *problem, size_t problem_size)
{
    if (X509_check_ca(pair->authority) != 1) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "%s is no certificate authority: put the ca.pem there that the ministry gave.", files->authority);
    }
    if (X509_check_ca(pair->certificate) == 1) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "%s is a certificate authority, not this member's own certificate: put the file there that "
                           "`simpul pki issue` made.", files->certificate);
    }
    if (X509_check_private_key(pair->certificate, pair->key) != 1) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "%s and %s do not belong together: put both files there that one `simpul pki issue` made.",
                           files->certificate, files->key);
    }
    if (X509_verify(pair->certificate, X509_get0_pubkey(pair->authority)) != 1) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "%s was not issued by the authority in %s: both must be of this deployment.", files->certificate,
                           files->authority);
    }
    return status_ok();
}

static struct status pair_is_ours(const struct pki_pair *files, char *problem, size_t problem_size)
{
    struct pki_facts facts;
    char uri[256];
    TRY(pki_certificate_facts(files->certificate, files->now_s, &facts, problem, problem_size));
    (void)snprintf(uri, sizeof uri, "simpul://%s/node/%s", files->deployment, files->node_id ? files->node_id : "");
    if (files->node_id && strcmp(facts.uri, uri) != 0) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "%s is for \"%s\", and the configuration says \"%s\": correct `node` and `deployment`, or get the "
                           "certificate of this node.", files->certificate, facts.uri, uri);
    }
    if (facts.days_left < 0 || facts.not_before_s > files->now_s) {
        return pki_problem(STATUS_INVALID, problem, problem_size,
                           "%s %s: check this machine's clock, else get a new certificate from the ministry.",
                           files->certificate, facts.days_left < 0 ? "has expired" : "is not valid yet");
    }
    return status_ok();
}

struct status pki_pair_check(const struct pki_pair *files, char *problem, size_t problem_size)
{
    struct pair pair = {0};
    struct status status = pair_read(files, &pair, problem, problem_size);
    status = status_is_ok(status) ? pair_fits(files, &pair, problem, problem_size) : status;
    status = status_is_ok(status) ? pair_is_ours(files, problem, problem_size) : status;
    X509_free(pair.authority);
    X509_free(pair.certificate);
    EVP_PKEY_free(pair.key);
    ERR_clear_error();
    return status;
}
