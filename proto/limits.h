/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

/* Every bound of the program. Format limits are hard: a leaf that breaks one is refused by every peer, so it is checked
 * before the leaf is appended. The others are budgets and may be tuned. Sizes in bytes, times in milliseconds. */

/* Format (log.md). */
#define LIMIT_NODE_ID_SIZE 16
#define LIMIT_ORIGIN_SIZE 255
#define LIMIT_DEPLOYMENT_SIZE 64
#define LIMIT_TREE_SIZE ((uint64_t)1 << 62) /* leaves of a stream; keeps (index + 1) << level inside 64 bits */
#define LIMIT_HEADER_SIZE 4096
#define LIMIT_CTX_COUNT 48
#define LIMIT_BODY_SIZE (256 * 1024)
#define LIMIT_FIELD_SIZE (64 * 1024)
#define LIMIT_REGISTER_NUMBER 191
#define LIMIT_REGISTER_COUNT 64     /* registers written by one leaf */
#define LIMIT_TARGET_COUNT 16
#define LIMIT_ERASURES_SEEN 16
#define LIMIT_ACTOR_SIZE 64
#define LIMIT_NONCE_SIZE 32
#define LIMIT_SALT_SIZE 32
#define LIMIT_CLAIM_SIZE 32
#define LIMIT_REFS_COUNT 256        /* external references of one record */
#define LIMIT_NOTE_SIZE (64 * 1024) /* signed note, not a complaint's note */
#define LIMIT_NOTE_SIGNATURES 16

/* Exchange (protocol.md). */
#define LIMIT_BATCH_LEAVES 2000 /* 1,000 changes: an edit of two classes is two leaves */
#define LIMIT_BATCH_RAW (4 * 1024 * 1024)
#define LIMIT_BATCH_PACKED (1024 * 1024)
#define LIMIT_ZSTD_RATIO 20
#define LIMIT_PULL_ORIGINS 256  /* parts of one answer */
#define LIMIT_READ_STREAMS 1024 /* streams that one reader follows: a province two and more of each of up to 40 regencies */
#define LIMIT_WANT_COUNT 64
#define LIMIT_PULL_WAIT_MS 55000
#define LIMIT_OWN_STREAMS 1024      /* streams of one node, all epochs */
#define LIMIT_LEASE_SIZE 64
#define LIMIT_HEARD_COUNT 64        /* nodes told to a province with one answer */
#define LIMIT_PROGRAM_SIZE 64       /* version of a program */
#define LIMIT_WHY_SIZE 64           /* word for a void leaf */
#define LIMIT_MESSAGE_SIZE (LIMIT_BATCH_RAW + 2 * 1024 * 1024) /* raw: leaves, bodies, proofs, what frames them */
#define LIMIT_MESSAGE_MEMORY (32 * 1024 * 1024) /* what decoding one message may take */
#define LIMIT_SPARE_FIELDS 64 /* of one message: fields unknown to its reader, and the same number said again */
#define LIMIT_RELAY_BATCH 1000
#define LIMIT_LEASE_SILENT_MS (10 * 60 * 1000)
#define LIMIT_PROOF_HASHES 64
#define LIMIT_KEYS_TRIED 8             /* renewed log keys of one epoch that a checkpoint may bear */
#define LIMIT_STOPPED 64               /* writers that forked and are no longer applied */
#define LIMIT_GROUP_LEAVES 400         /* leaves of one local transaction; beyond them a push may cut */
#define LIMIT_GROUP_BYTES (2 * 1024 * 1024)
#define LIMIT_PUSH_BYTES (3 * 1024 * 1024) /* leaves and bodies of a push or a pull, below LIMIT_BATCH_RAW */
#define LIMIT_PUSH_AHEAD 256 /* leaves that must wait before a push is made while another is on its way */
#define LIMIT_CONNECTOR_LANES 63
#define LIMIT_BUSY_RETRY_MS 5000
#define LIMIT_ERASE_HOLD_MS (24 * 3600 * 1000)

/* Store. */
#define LIMIT_CHUNK_LEAVES 64           /* leaves in one row */
#define LIMIT_CHUNK_BYTES (64 * 1024)   /* soft: a single leaf may exceed it */
#define LIMIT_TILE_HASHES 256
#define LIMIT_SCAN_COUNT 4096
#define LIMIT_STORE_KEY 2048           /* PostgreSQL's B-tree takes rows up to 2704 */
#define LIMIT_RECORD_SIZE (16 * 1024 * 1024)
#define LIMIT_RECORD_REPLICAS 64
#define LIMIT_RECORD_PARKED 4096
#define LIMIT_RECORD_CACHE (2 * 1024 * 1024) /* of each of the two generations of decoded records in memory */

/* Time. */
#define LIMIT_CLAMP_MS (5 * 60 * 1000)          /* how far a stamp may run ahead of its first acceptance */
#define LIMIT_HLC_FOLLOW_MS 60000               /* how far ahead of the own clock a remote stamp is followed */
#define LIMIT_STAMP_FLAG_MS (24 * 3600 * 1000)
#define LIMIT_FORM_WINDOW_MS (30 * 60 * 1000)   /* default; a mapping may say otherwise */
#define LIMIT_SHADOW_KEEP_MS (24 * 3600 * 1000) /* replaced vectors and raw values, vanish grace, blanked digests */

/* Capture and legacy side. */
#define LIMIT_UNACKED_LEAVES 2000  /* a first load appends a slice only below this */
#define LIMIT_CAPTURE_ROWS 500
#define LIMIT_COLUMNS 128
#define LIMIT_REFS_SAME 16         /* records that bear one external number: more are not told apart */
#define LIMIT_CATALOGUE_COLUMNS 1600 /* PostgreSQL's own bound; SQLite's is 2000 */
#define LIMIT_HOLIDAYS 4096              /* days in the file of holidays */
#define LIMIT_HOLIDAYS_FILE (256 * 1024)
#define LIMIT_PREVIEW_ROWS 50000 /* rows of one table that a preview looks at */
#define LIMIT_SHADOW_HISTORY 64    /* replaced vectors kept per register; the oldest are joined above it */
#define LIMIT_KEY_SIZE 512         /* one key column of a legacy row */
#define LIMIT_TABLES 8             /* tables of a mapping */
#define LIMIT_LEGACY_VALUE (1024 * 1024)

/* HTTP. */
#define LIMIT_HTTP_HEAD 8192
#define LIMIT_HTTP_HEADERS 64
#define LIMIT_HTTP_CONNECTIONS 2048
#define LIMIT_HTTP_IDLE_MS 60000
#define LIMIT_HTTP_REQUEST_MS 60000
#define LIMIT_HTTP_RATE 8192 /* bytes per second that a slow peer must at least keep */
#define LIMIT_HTTP_TARGET 4096             /* path and query */
#define LIMIT_HTTP_BODY LIMIT_MESSAGE_SIZE
#define LIMIT_HTTP_PAGE_BODY (256 * 1024)   /* what the dashboard is sent */
#define LIMIT_HTTP_BODY_MEMORY (256 * 1024 * 1024) /* all bodies that are being received */
#define LIMIT_HTTP_HANDSHAKE_MS 15000
#define LIMIT_HTTP_HEAD_MS 15000
#define LIMIT_HTTP_ANSWER_MS 120000        /* handler, long polls included */
#define LIMIT_HTTP_LINGER_MS 2000
#define LIMIT_HTTP_STREAM_BUFFER (256 * 1024)
#define LIMIT_HTTP_CLIENT_CONNECTIONS 8
#define LIMIT_HTTP_CALLS 256
#define LIMIT_HTTP_CONNECT_MS 15000
#define LIMIT_HTTP_STALL_MS 75000          /* above LIMIT_PULL_WAIT_MS */
#define LIMIT_RETRY_AFTER_MS (3600 * 1000)

/* Dialogue with the hub. */
#define LIMIT_RETRY_FIRST_MS 250
#define LIMIT_RETRY_MAX_MS (60 * 1000)
#define LIMIT_RETRY_STOPPED_MS (5 * 60 * 1000) /* after a security stop: look again, rarely */

/* Process. */
#define LIMIT_JOBS 4096            /* engine queue */
#define LIMIT_GROUP_JOBS 500       /* jobs in one transaction */
#define LIMIT_GROUP_MS 5           /* how long a group stays open */
#define LIMIT_YAML_SIZE (1024 * 1024)
#define LIMIT_YAML_DEPTH 16
#define LIMIT_YAML_NODES 20000
#define LIMIT_PROBLEMS 64            /* mistakes of a file that are reported with their place; more are counted */
#define LIMIT_LEGACY_COUNT 16        /* connectors of one process */
#define LIMIT_CLI_REQUEST (1024 * 1024)

#endif
