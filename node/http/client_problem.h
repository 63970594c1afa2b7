/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_HTTP_CLIENT_PROBLEM_H
#define NODE_HTTP_CLIENT_PROBLEM_H

#include "node/http/client.h"

/* What a failed transfer means: its kind, and one sentence for the operator. Pure; internal to node/http. */

struct client_verdict {
    enum http_outcome outcome;
    const char *problem; /* static */
};

/* No answer: `code` is a CURLcode, `verify` what OpenSSL said of the server's certificate (X509_V_ERR_...; 0: nothing),
 * `detail` curl's error text, in which the number of a TLS alert stands. */
struct client_verdict client_verdict_of_error(int code, long verify, const char *detail);
/* An answer with that status. */
struct client_verdict client_verdict_of_status(unsigned status);

#endif
