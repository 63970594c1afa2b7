/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/status.h"

const char *status_name(struct status s)
{
    switch (s.code) {
    case STATUS_OK:
        return "ok";
    case STATUS_NO_MEMORY:
        return "no_memory";
    case STATUS_INVALID:
        return "invalid";
    case STATUS_LIMIT:
        return "limit";
    case STATUS_NOT_FOUND:
        return "not_found";
    case STATUS_EXISTS:
        return "exists";
    case STATUS_STALE:
        return "stale";
    case STATUS_DENIED:
        return "denied";
    case STATUS_FORKED:
        return "forked";
    case STATUS_BUSY:
        return "busy";
    case STATUS_IO:
        return "io";
    case STATUS_UNKNOWN:
        return "unknown";
    case STATUS_UNSUPPORTED:
        return "unsupported";
    }
    return "?";
}
