/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PKI_PKI_H
#define NODE_PKI_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/status.h"

/* `simpul pki`: a certificate authority of the deployment's own, its certificates, and a node's signing keys, as files.
 * Every call that fails writes one clear English sentence with what to do next into `problem` (NULL is fine). Nothing
 * is ever overwritten: EXISTS. Files are written whole or not at all; keys have mode 0400. Times are Unix seconds,
 * passed in: this folder reads no clock. Proved by tests/unit/pki/test_pki.c. */

#define PKI_PROBLEM_SIZE 512
#define PKI_CA_DAYS 3650
#define PKI_CERTIFICATE_DAYS 90
#define PKI_RENEW_DAYS 60 /* renewed from this day on */

/* DIRECTORY/ca.pem and DIRECTORY/ca.key: ECDSA P-256, self-signed, 10 years, may sign end certificates only. The folder
 * is made (0700) when it is not there. `deployment`: 1 to 63 of a-z 0-9 . - (it stands in names and URIs). */
struct status pki_ca_create(const char *directory, const char *deployment, int64_t now_s, char *problem,
                            size_t problem_size) MUST_CHECK;

enum pki_kind {
    PKI_SERVER, /* server authentication; at least one DNS name or IP address */
    PKI_NODE,   /* client authentication; SAN URI simpul://<deployment>/node/<node_id> */
};

struct pki_issue {
    enum pki_kind kind;
    const char *name;       /* stem of the files and common name: 1 to 63 of a-z A-Z 0-9 . - _ */
    const char *node_id;    /* PKI_NODE: 1 to 16 of a-z 0-9 . (node_id_parse) */
    const char *const *dns; /* PKI_SERVER */
    size_t dns_count;
    const char *const *ip; /* PKI_SERVER: numeric IPv4 or IPv6 */
    size_t ip_count;
    unsigned days; /* 0: PKI_CERTIFICATE_DAYS */
    int64_t now_s;
};

/* New key and certificate OUT_DIRECTORY/NAME.pem, NAME.key, signed by CA_DIRECTORY/ca.{pem,key}. The deployment's name
 * comes from the CA. INVALID: a name, address or id that does not hold; DENIED: key file too wide; NOT_FOUND: no CA
 * there; EXISTS; IO. */
struct status pki_issue(const char *ca_directory, const char *out_directory, const struct pki_issue *issue,
                        char *problem, size_t problem_size) MUST_CHECK;

/* DIRECTORY/log.key, cosigner.key: Ed25519 as PKCS#8 PEM, with log.pub and cosigner.pub (SubjectPublicKeyInfo PEM). */
struct status pki_keys_create(const char *directory, char *problem, size_t problem_size) MUST_CHECK;

struct pki_facts {
    char subject[128];       /* common name */
    char deployment[64];     /* organisation */
    char uri[256];           /* the SAN URI; "" without or with several */
    uint8_t spki_sha256[32]; /* of the DER SubjectPublicKeyInfo */
    int64_t not_before_s;
    int64_t not_after_s;
    int64_t days_left; /* whole days from now_s, negative when expired */
    bool is_ca;
};

/* Of the first certificate in a PEM file. NOT_FOUND, IO, INVALID. */
struct status pki_certificate_facts(const char *path, int64_t now_s, struct pki_facts *out_facts, char *problem,
                                    size_t problem_size) MUST_CHECK;

struct pki_pair {
    const char *authority, *certificate, *key; /* paths */
    const char *deployment;
    const char *node_id; /* NULL: a server's certificate, which names no node */
    int64_t now_s;
};

/* Whether the three files can be read, are private where they must be, belong together and to this node, and are valid
 * now: what `run` would stumble over, said by `init`. NOT_FOUND, DENIED, INVALID, IO. */
struct status pki_pair_check(const struct pki_pair *files, char *problem, size_t problem_size) MUST_CHECK;

/* OK for a regular file that only its owner can read or write (0400 or 0600) and that is ours. DENIED with the chmod to
 * run; NOT_FOUND; IO. Called by everything that opens a private key. */
struct status pki_key_file_check(const char *path, char *problem, size_t problem_size) MUST_CHECK;

#endif
