/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_VOCABULARY_H
#define PROTO_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The one table of kinds, roles, classes and registers. Numbers are hard: they stand in leaves that are never rewritten.
 * Never reuse one, never change a meaning; new ones open with a registry leaf `settings` (log.md, "Kinds"). */

enum kind {
    KIND_NONE = 0,
    KIND_CREATE = 1,
    KIND_EDIT = 2,
    KIND_STALE_EDIT = 3,
    KIND_LOOSEN = 4,
    KIND_NOTE = 5,
    KIND_ATTACH = 6,
    KIND_ERASE = 7,
    KIND_ERASED = 8,
    KIND_ROUTE = 9,
    KIND_RELAY = 10,
    KIND_CLAMP = 11,
    KIND_EPOCH_OPEN = 12,
    /* Registry kinds: no record fields; what they say stands in the body (struct registry_entry). */
    KIND_REG_HUB = 16,
    KIND_REG_NODE = 17,
    KIND_REG_EPOCH = 18,
    KIND_REG_KEY = 19,
    KIND_REG_ROLE = 20,
    KIND_REG_CUT = 21,
    KIND_REG_SETTINGS = 22,
};

/* What kind of leaf: decides which header fields must, may and must not be present. */
enum kind_shape {
    SHAPE_NONE,
    SHAPE_CHANGE,   /* has rseq, so a dot: create .. route */
    SHAPE_POINTER,  /* relay, clamp: record and target only */
    SHAPE_EPOCH,    /* epoch_open */
    SHAPE_REGISTRY,
};

struct kind_info {
    enum kind kind;
    const char *name;
    enum kind_shape shape;
    bool needs_registers; /* at least one register */
    bool makes_part;      /* part required */
    bool may_have_body;
};

/* NULL for an unknown number. */
const struct kind_info *kind_info(uint32_t kind);

enum class {
    CLASS_PUBLIC = 0,
    CLASS_RESTRICTED = 1,
    CLASS_SEALED = 2,
};

enum role {
    ROLE_NONE = 0,
    ROLE_CLERK = 1,     /* a legacy connector writes as this */
    ROLE_ADMIN = 2,     /* institution admin */
    ROLE_NATIONAL = 3,
    ROLE_OMBUDSMAN = 4,
    ROLE_AUTOMATIC = 5, /* auto-close and the like; loses to any person */
    ROLE_PROVINCE = 6,
    ROLE_AUDITOR = 7,
    ROLE_COUNT,
};

const char *role_name(enum role role);

/* Registers 1-63 public, 64-127 restricted, 128-191 sealed: the number carries the class, also of one that this program
 * does not know. */
enum register_number {
    REG_STATUS = 1,
    REG_CLASS = 2,
    REG_CHANNEL = 3,
    REG_TIME_INCIDENT = 4,
    REG_TIME_RECEIVED = 5,
    REG_TIME_VERIFIED = 6,
    REG_TIME_DISPOSED = 7,
    REG_TIME_FOLLOWED_UP = 8,
    REG_TIME_CLOSED = 9,
    REG_ASSIGN = 10,
    REG_ROUTE = 11,
    REG_ROUTE_REQUEST = 12,
    REG_CONFIDENTIAL = 13,
    REG_ANONYMOUS = 14,
    REG_PRESENCE = 15,
    REG_RATING = 16,
    REG_SAME_AS = 17,
    REG_TITLE = 64,
    REG_TEXT = 65,
    REG_PLACE = 66,
    REG_CLOSING = 67,
    REG_REFS = 68,
    REG_NOTE_TEXT = 80,
    REG_NOTE_INTERNAL = 81,
    REG_NOTE_AUTHOR = 82,
    REG_NOTE_AT = 83,
    REG_NOTE_HIDDEN = 84,
    REG_ATTACH_NAME = 90,
    REG_ATTACH_TYPE = 91,
    REG_ATTACH_SIZE = 92,
    REG_ATTACH_HASH = 93,
    REG_ATTACH_HIDDEN = 94,
    REG_REPORTER = 128,
};

static inline enum class register_class(uint32_t number)
{
    return number < 64 ? CLASS_PUBLIC : number < 128 ? CLASS_RESTRICTED : CLASS_SEALED;
}

/* How a register's value is encoded (proto/value.h) and shown (merge.md, "Registers"). */
enum value_type {
    VALUE_OPAQUE, /* unknown register */
    VALUE_STATUS,
    VALUE_CLASS,
    VALUE_CHANNEL,
    VALUE_TIME,
    VALUE_ASSIGN,
    VALUE_SCOPE,    /* route */
    VALUE_REQUEST,  /* route_request */
    VALUE_FLAG,
    VALUE_PRESENCE,
    VALUE_NUMBER,
    VALUE_RECORD,   /* same_as */
    VALUE_TEXT,
    VALUE_PLACE,
    VALUE_REFS,
    VALUE_BYTES,
    VALUE_SEALED,
};

/* What is shown when siblings differ; every chain ends in effective time, then leaf hash, so it is total. */
enum show_policy {
    SHOW_TIME,             /* time, hash */
    SHOW_STATUS,           /* workflow path, else rank, authority, time, hash */
    SHOW_REGENCY_FIRST,    /* authority regency before hub, time, hash */
    SHOW_HUB_FIRST,        /* authority hub before regency, time, hash */
    SHOW_STRICT,           /* true if any sibling is true; absent is true */
    SHOW_UNION,            /* set union, no conflict */
    SHOW_PRESENCE,         /* withdrawn only if its ctx covers all siblings and parts */
};

enum person_policy {
    PERSON_NEVER,   /* no conflict (union, hub only) */
    PERSON_INFORMS, /* list */
    PERSON_PATH,    /* status: a pair outside the path asks for a person, else no item */
    PERSON_ALWAYS,  /* inbox */
};

struct register_info {
    uint32_t number;
    const char *name;
    enum value_type type;
    enum show_policy show;
    enum person_policy person;
    bool hub_only;
    bool of_part;
};

/* NULL for an unknown number: then VALUE_OPAQUE, SHOW_TIME, PERSON_INFORMS apply. */
const struct register_info *register_info(uint32_t number);
/* By name as mappings and the CLI write it ("title", "status", "time_received"); NULL if unknown. */
const struct register_info *register_by_name(const char *name);
/* All known registers, ascending by number. */
const struct register_info *register_table(size_t *out_count);

/* domain.md, "Status". */
enum complaint_status {
    COMPLAINT_NONE = 0,
    COMPLAINT_BELUM_VERIFIKASI = 1,
    COMPLAINT_TUNDA = 2,
    COMPLAINT_TERVERIFIKASI = 3,
    COMPLAINT_PROSES = 4,
    COMPLAINT_SELESAI = 5,
    COMPLAINT_BUKAN_WEWENANG = 6,
    COMPLAINT_ARSIP = 7,
    COMPLAINT_ESKALASI_OMBUDSMAN = 8,
    COMPLAINT_STATUS_COUNT,
};

const char *complaint_status_name(enum complaint_status status);
enum complaint_status complaint_status_by_name(const char *name); /* COMPLAINT_NONE if unknown */

enum classification {
    CLASSIFICATION_NONE = 0,
    CLASSIFICATION_PENGADUAN = 1,
    CLASSIFICATION_ASPIRASI = 2,
    CLASSIFICATION_PERMINTAAN_INFORMASI = 3,
    CLASSIFICATION_COUNT,
};

const char *classification_name(enum classification c);
enum classification classification_by_name(const char *name);

enum channel {
    CHANNEL_NONE = 0,
    CHANNEL_WEB = 1,
    CHANNEL_SMS = 2,
    CHANNEL_X = 3,
    CHANNEL_ANDROID = 4,
    CHANNEL_IOS = 5,
    CHANNEL_WHATSAPP = 6,
    CHANNEL_QR = 7,
    CHANNEL_WALK_IN = 8,
    CHANNEL_LETTER = 9,
    CHANNEL_BOX = 10,
    CHANNEL_EMAIL = 11,
    CHANNEL_PHONE = 12,
    CHANNEL_RADIO = 13,
    CHANNEL_EVENT = 14,
    CHANNEL_LEGACY = 15,
    CHANNEL_COUNT,
};

const char *channel_name(enum channel c);
enum channel channel_by_name(const char *name);

#endif
