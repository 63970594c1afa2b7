/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/client_problem.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>

#define SECURITY(text) ((struct client_verdict){HTTP_OUTCOME_SECURITY, text})
#define TRANSIENT(text) ((struct client_verdict){HTTP_OUTCOME_TRANSIENT, text})
#define DATA(text) ((struct client_verdict){HTTP_OUTCOME_DATA, text})

/* RFC 8446 section 6. What the server thinks of our certificate comes as an alert behind the handshake. */
static const struct {
    int alert;
    const char *problem;
} alerts[] = {
    {SSL_AD_CERTIFICATE_REQUIRED,
     "The server requires a client certificate and got none: configure this node's certificate and key."},
    {SSL_AD_CERTIFICATE_EXPIRED,
     "The server says that this node's certificate has expired: renew it, and check both clocks."},
    {SSL_AD_CERTIFICATE_REVOKED, "The server says that this node's certificate was revoked: ask the hub's operator."},
    {SSL_AD_UNKNOWN_CA, "The server does not know the CA of this node's certificate: the certificate is of another "
                        "deployment, or the hub's CA was replaced; get a new one from the hub's operator."},
    {SSL_AD_BAD_CERTIFICATE, "The server refuses this node's certificate as damaged, unfit or not valid yet: check both clocks, else get a "
                             "new one."},
    {SSL_AD_UNSUPPORTED_CERTIFICATE,
     "The server refuses the kind of this node's certificate: a certificate for clients is needed, not a server's."},
    {SSL_AD_CERTIFICATE_UNKNOWN, "The server refuses this node's certificate: get a new one from the hub's operator."},
    {SSL_AD_DECRYPT_ERROR, "The server finds this node's key and certificate not to belong together: check the files."},
    {SSL_AD_ACCESS_DENIED, "The server denies access to this node's certificate: ask the hub's operator."},
    {SSL_AD_PROTOCOL_VERSION, "The server does not speak TLS 1.3: it, or a proxy between, must be updated."},
    {SSL_AD_HANDSHAKE_FAILURE, "The server and this node found no common TLS 1.3 parameters: update the older one."},
};

/* OpenSSL's packed error code behind "error:" in curl's text, 0 when there is none. */
static unsigned long code_in(const char *detail)
{
    const char *at = strstr(detail, "error:");
    return at ? strtoul(at + 6, NULL, 16) : 0;
}

static const struct client_verdict *alert_verdict(unsigned long code, struct client_verdict *verdict)
{
    int alert = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET : -1;
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (alerts[i].alert == alert) {
            *verdict = SECURITY(alerts[i].problem);
            return verdict;
        }
    }
    return NULL;
}

static struct client_verdict verdict_of_certificate(long verify)
{
    switch (verify) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED: /* what curl leaves when its own check of the name fails, which comes after the chain's
                                  */
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return SECURITY(
            "The server's certificate is for another name: check the server's address and the expected name "
            "in the configuration, or issue the certificate for this name.");
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return SECURITY("The server's certificate has expired: the server's operator must renew it; check this "
                        "computer's clock as well.");
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return SECURITY("The server's certificate is not valid yet: check this computer's clock.");
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        return SECURITY("The server's certificate is not from this deployment's CA: it is another server, somebody is "
                        "between, or the configured CA file is the wrong one.");
    case X509_V_ERR_INVALID_PURPOSE:
        return SECURITY("The server shows a certificate that is not for servers: issue it a server certificate.");
    default:
        return SECURITY("The server's certificate does not verify against this deployment's CA.");
    }
}

static struct client_verdict verdict_of_tls(const char *detail)
{
    unsigned long code = code_in(detail);
    struct client_verdict verdict;
    if (code == 0) {
        return TRANSIENT("The connection was cut while TLS was negotiated.");
    }
    if (alert_verdict(code, &verdict)) {
        return verdict;
    }
    return SECURITY("What answers there does not speak TLS 1.3: check address and port, or a proxy is between.");
}

struct client_verdict client_verdict_of_error(int code, long verify, const char *detail)
{
    struct client_verdict verdict;
    switch ((CURLcode)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return TRANSIENT("The server's name cannot be resolved: no network, or the name is wrong.");
    case CURLE_COULDNT_RESOLVE_PROXY:
        return TRANSIENT("The proxy's name cannot be resolved: no network, or the name is wrong.");
    case CURLE_COULDNT_CONNECT:
        return TRANSIENT("The server does not accept connections: it is down, or the port is wrong or blocked.");
    case CURLE_OPERATION_TIMEDOUT:
        return TRANSIENT("The server did not answer in time.");
    case CURLE_PEER_FAILED_VERIFICATION:
        return verdict_of_certificate(verify);
    case CURLE_SSL_CONNECT_ERROR:
        return verdict_of_tls(detail);
    case CURLE_SSL_CERTPROBLEM:
        return SECURITY(
            "This node's certificate or key file cannot be used: they are missing, damaged or do not belong "
            "together.");
    case CURLE_SSL_CACERT_BADFILE:
        return SECURITY("The file with the deployment's CA cannot be read.");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return DATA("The address is not a valid https address.");
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return alert_verdict(code_in(detail), &verdict) ? verdict : TRANSIENT("The connection was cut.");
    default:
        return TRANSIENT("The connection was cut, or the answer was not complete.");
    }
}

struct client_verdict client_verdict_of_status(unsigned status)
{
    if (status >= 200 && status <= 299) {
        return (struct client_verdict){HTTP_OUTCOME_OK, ""};
    }
    if (status == 401 || status == 403) {
        return SECURITY(
            "The server does not admit this node: ask the hub's operator whether it is registered and active.");
    }
    if (status == 408 || status == 429 || status >= 500) {
        return TRANSIENT("The server is busy or failing; it will be asked again.");
    }
    return DATA("The server refused this request.");
}
