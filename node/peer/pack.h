/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_PEER_PACK_H
#define NODE_PEER_PACK_H

#include "proto/memory.h"

/* Messages between peers travel as zstd where that makes them smaller. A packed message is refused before it is expanded:
 * its frame must state its size, within LIMIT_MESSAGE_SIZE and LIMIT_ZSTD_RATIO times what came. The content type says
 * which of the two it is. Proved by tests/unit/peer/test_pack.c. */

#define PACK_PLAIN_TYPE "application/vnd.simpul.sync"
#define PACK_ZSTD_TYPE "application/vnd.simpul.sync+zstd"

/* Packed bytes (malloc, caller frees with free()) and their content type (static). */
struct status pack_write(struct span message, struct span *out_bytes, const char **out_type) MUST_CHECK;
/* Message bytes in `arena`, or `bytes` itself where it came plain. INVALID: unknown type, damaged; LIMIT: too large. */
struct status pack_read(struct span content_type, struct span bytes, struct arena *arena,
                        struct span *out_message) MUST_CHECK;

#endif
