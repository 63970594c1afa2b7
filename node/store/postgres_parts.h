/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NODE_STORE_POSTGRES_PARTS_H
#define NODE_STORE_POSTGRES_PARTS_H

#include <libpq-fe.h>

#include "node/store/store_postgres.h"

/* What the files of the PostgreSQL store share; nobody else includes it. */

/* "SIMP": first number of our advisory locks. 1: shared, whoever has the store (a program before schema 2 had it alone); 2:
 * whoever changes the schema; 3: the transaction that writes; 4: the process that has connectors; from 1 << 30 on: an instance. */
#define POSTGRES_LOCK "1397312848"
/* The channel on which a commit tells the other processes that it was made; the payload is the token of its store. */
#define POSTGRES_CHANNEL "simpul_moved"

enum postgres_table_query {
    POSTGRES_GET,    /* keys */
    POSTGRES_PUT,    /* keys, values */
    POSTGRES_REMOVE, /* keys */
    POSTGRES_SCAN,   /* + flags below: from, limit, end, bytes_max */
};

enum postgres_scan_flag {
    SCAN_DOWN = 1,
    SCAN_END = 2,   /* has an end */
    SCAN_BYTES = 4, /* has a bound of bytes */
    SCAN_PART = 8,  /* begins and ends in one part */
    SCAN_FLAGS = 16,
};

enum { TABLE_QUERIES = POSTGRES_SCAN + SCAN_FLAGS };

enum postgres_record_query {
    RECORDS_LOAD,
    RECORDS_RECOUNT,
    RECORDS_SAVE,
    RECORDS_COUNT,
    RECORDS_LIST, /* + flags below */
};

enum postgres_list_flag {
    LIST_OWNER = 1,
    LIST_STATUS = 2,
    LIST_CONFLICT = 4,
    LIST_HIDDEN = 8,
    LIST_BYTES = 16,
    LIST_FLAGS = 32,
};

enum postgres_move_query {
    MOVES_READ,  /* number from which, rows at most */
    MOVES_HEAD,
    MOVES_WRITE, /* number, token, keys of streams, ids of records */
    MOVES_DROP,  /* numbers below */
    MOVES_AS_OF,
    MOVE_QUERIES,
};

enum {
    FIRST_RECORD_QUERY = STORE_TABLE_COUNT * TABLE_QUERIES,
    FIRST_MOVE_QUERY = FIRST_RECORD_QUERY + RECORDS_LIST + LIST_FLAGS,
    STATEMENT_COUNT = FIRST_MOVE_QUERY + MOVE_QUERIES,
    STATEMENT_NONE = STATEMENT_COUNT,
    WAITING_MAX = 64, /* statements sent whose results were not looked at */
    PARAMETERS_MAX = 8,
    STATEMENT_TEXT_MAX = 1024,
    SENTENCE_SIZE = 512,
};

/* Values of one statement, all binary; they live in the store's scratch arena. */
struct postgres_parameters {
    int count;
    const char *values[PARAMETERS_MAX];
    int sizes[PARAMETERS_MAX];
    int formats[PARAMETERS_MAX];
    bool failed; /* no memory, or too large for one statement */
};

/* A commit: its number, and the token of the process that made it. Another one under the same number is another history. */
struct postgres_move {
    int64_t number;
    uint8_t writer[16];
};

struct postgres_store {
    struct store store; /* first, so that the store's address is this one's */
    struct memory memory;
    struct arena scratch; /* of one call */
    char *source;         /* owned */
    PGconn *conn;         /* NULL: not connected */
    uint8_t token[16];    /* tells our own earlier session from another process's */
    uint8_t instance[16];
    bool has_connectors;
    bool is_replica;
    int64_t as_of_ms; /* replica */
    uint64_t connections;
    uint64_t size_known;
    bool prepared[STATEMENT_COUNT]; /* known to this connection */
    unsigned preparing[WAITING_MAX]; /* per result that waits: the statement whose preparation it is, or STATEMENT_NONE */
    unsigned waiting;
    const char *problem; /* static */
    struct arena moves; /* of the transaction: what follows */
    struct buffer moved_streams, moved_records; /* by this transaction: keys and ids, one behind the other */
    struct buffer others_streams, others_records; /* by others, since `told` */
    bool others_all;
    bool wrote;
    struct postgres_move head; /* the newest commit that this transaction sees */
    struct postgres_move told; /* the newest that pg_moved told of; number -1: none */
    bool open;
    bool reading; /* the transaction only reads */
    bool begun; /* BEGIN was sent */
    bool marked;
    bool spoilt;  /* something failed since begin or the mark */
    bool lost;    /* the connection ended in this transaction */
    int wait_ms;  /* for one answer; 0: the server's own statement_timeout is enough */
    bool warned;  /* the server warned of something since this was last cleared */
    char sentence[SENTENCE_SIZE]; /* of the last failure to connect */
};

struct postgres_store *pg_store_of(struct store *store);

/* ---- postgres_wire.c ---- */

/* Values. An array's elements are added by the caller between begin and end. */
void pg_bytes(struct postgres_store *s, struct postgres_parameters *p, struct span bytes);
void pg_int8(struct postgres_store *s, struct postgres_parameters *p, int64_t value);
void pg_bytes_array(struct postgres_store *s, struct postgres_parameters *p, const struct span *values, size_t count);
void pg_text_array(struct postgres_store *s, struct postgres_parameters *p, const struct span *values, size_t count);
void pg_int8_array(struct postgres_store *s, struct postgres_parameters *p, const int64_t *values, size_t count);

/* Sends, and leaves the result waiting. `statement` is prepared at its first use. */
struct status pg_send(struct postgres_store *s, unsigned statement, const struct postgres_parameters *parameters);
/* A command without parameters. */
struct status pg_send_command(struct postgres_store *s, const char *sql);
/* Looks at all results that wait. The status is that of the first failure; out_last (may be NULL) the last result, which
 * the caller clears. */
struct status pg_drain(struct postgres_store *s, PGresult **out_last);
/* send and drain. */
struct status pg_query(struct postgres_store *s, unsigned statement, const struct postgres_parameters *parameters,
                             PGresult **out_result);
/* One command, sent and drained. */
struct status pg_run(struct postgres_store *s, const char *sql, PGresult **out_result);
/* The same for a command whose end may wait for a synchronous standby, for which the server has no time-out. */
struct status pg_run_within(struct postgres_store *s, const char *sql, int wait_ms, PGresult **out_result);
/* Ends the connection. An open transaction is lost. */
void pg_drop(struct postgres_store *s);
/* The status of a result that is not what was wanted; notes the problem. */
struct status pg_failed(struct postgres_store *s, const PGresult *result);

struct span pg_span(const PGresult *result, int row, int column); /* borrowed */
int64_t pg_number(const PGresult *result, int row, int column);   /* int2, int4, int8 or bool */
struct status pg_copy(const PGresult *result, int row, int column, struct arena *arena, struct span *out_bytes);

/* ---- postgres_statements.c ---- */
void pg_statement_text(unsigned statement, char out_text[STATEMENT_TEXT_MAX]);
const char *pg_table_name(enum store_table table);
/* Bytes of a key that are its part, 0 where the table has none. */
size_t pg_part_size(enum store_table table);

/* ---- postgres_schema.c: makes the tables or brings them up to date. UNSUPPORTED: made by a newer program. ---- */
struct status pg_schema_apply(struct postgres_store *s);
/* For who may not make them. UNSUPPORTED: they are not those of this program. */
struct status pg_schema_check(struct postgres_store *s);

/* ---- postgres_open.c ---- */
PGconn *pg_connection_open(const char *source, const char *name, const char *servers);
void pg_hex_text(const uint8_t bytes[16], char out_text[33]);
/* A connection that is ours alone, checked; s->sentence says why not. */
struct status pg_connect(struct postgres_store *s);

/* ---- store_postgres.c ---- */
extern const struct store_ops pg_ops;
/* What every call inside a transaction starts with: sends BEGIN where that is still due. */
struct status pg_inside(struct postgres_store *s);
/* The same for a call that writes: BUSY where the transaction only reads. */
struct status pg_inside_writing(struct postgres_store *s);

/* ---- postgres_moves.c: what several processes write, told to each other ---- */
/* At the begin of a transaction, where the lock of writers is held already. */
struct status pg_moves_read(struct postgres_store *s);
/* This transaction wrote these rows of STORE_STREAMS, or these records. */
struct status pg_moves_note_streams(struct postgres_store *s, const struct span *keys, size_t count);
struct status pg_moves_note_records(struct postgres_store *s, const struct record_row *rows, size_t count);
/* Sent before a COMMIT. */
struct status pg_moves_send(struct postgres_store *s);
void pg_moves_committed(struct postgres_store *s);
struct status pg_moved(struct store *store, struct arena *arena, struct store_moves *out_moves);
void pg_moves_text(unsigned query, char out_text[STATEMENT_TEXT_MAX]);

/* ---- postgres_records.c ---- */
struct status pg_records_load(struct store *store, const struct record_id *ids, size_t count, struct arena *arena,
                                    struct record_row *out_rows);
struct status pg_records_save(struct store *store, const struct record_row *rows, size_t count);
struct status pg_records_list(struct store *store, const struct record_filter *filter, struct record_id after,
                                    bool with_bytes, size_t limit, struct arena *arena, struct record_row *out_rows,
                                    size_t *out_count);
struct status pg_records_count(struct store *store, const struct record_filter *filter,
                                     struct record_count *out_counts, size_t capacity, size_t *out_count);

#endif
