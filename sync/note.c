/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/note.h"

#define SIGNATURE_SIZE 64
#define COSIGNATURE_SIZE (8 + SIGNATURE_SIZE)

static const uint8_t DASH[] = {0xe2, 0x80, 0x94, ' '}; /* U+2014 and a space begin a signature line */

void note_key_id(const struct crypto *crypto, struct span name, enum note_key_type type, const struct public_key *key,
                 struct note_key_id *out_id)
{
    const uint8_t middle[2] = {'\n', (uint8_t)type};
    const struct span parts[] = {name, {middle, sizeof middle}, {key->bytes, sizeof key->bytes}};
    struct hash hash;
    crypto->sha256(crypto->owner, parts, 3, &hash);
    memcpy(out_id->bytes, hash.bytes, sizeof out_id->bytes);
}

struct status note_verifier_key(const struct crypto *crypto, struct span name, enum note_key_type type,
                                const struct public_key *key, struct arena *arena, struct span *out_text)
{
    static const char hex[] = "0123456789abcdef";
    struct note_key_id id;
    note_key_id(crypto, name, type, key, &id);
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add_span(&buffer, name);
    buffer_add_u8(&buffer, '+');
    for (size_t i = 0; i < sizeof id.bytes; i++) {
        buffer_add_u8(&buffer, (uint8_t)hex[id.bytes[i] >> 4]);
        buffer_add_u8(&buffer, (uint8_t)hex[id.bytes[i] & 15]);
    }
    buffer_add_u8(&buffer, '+');
    uint8_t typed[33];
    typed[0] = (uint8_t)type;
    memcpy(typed + 1, key->bytes, sizeof key->bytes);
    base64_write(&buffer, span_of(typed, sizeof typed));
    return buffer_end(&buffer, out_text);
}

/* Parsing. A cursor walks the lines; every refusal says what and at which byte. */

struct cursor {
    struct span bytes;
    size_t at;
    struct fault *fault; /* may be NULL */
};

static struct status refuse(const struct cursor *cursor, enum status_code code, const char *what, const char *field)
{
    return fault_set(cursor->fault, code, what, field, cursor->at);
}

/* The next line without its newline; INVALID if none ends here. */
static struct status line_take(struct cursor *cursor, const char *field, struct span *out_line)
{
    size_t end = cursor->at;
    while (end < cursor->bytes.size && cursor->bytes.data[end] != '\n') {
        end++;
    }
    if (end == cursor->bytes.size) {
        return refuse(cursor, STATUS_INVALID, "line without a newline", field);
    }
    *out_line = span_of(cursor->bytes.data + cursor->at, end - cursor->at);
    cursor->at = end + 1;
    return status_ok();
}

/* Printable ASCII without space and '+' (which separates the parts of a verifier key). */
static bool name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~' || name.data[i] == '+') {
            return false;
        }
    }
    return name.size != 0 && name.size <= LIMIT_ORIGIN_SIZE;
}

static struct status origin_line(struct cursor *cursor, struct span *out_origin)
{
    struct span line;
    size_t start = cursor->at;
    TRY(line_take(cursor, "origin", &line));
    if (!name_is_valid(line)) {
        cursor->at = start;
        return refuse(cursor, STATUS_INVALID, "not a log's name", "origin");
    }
    *out_origin = line;
    return status_ok();
}

static struct status size_line(struct cursor *cursor, uint64_t *out_size)
{
    struct span line;
    size_t start = cursor->at;
    TRY(line_take(cursor, "size", &line));
    uint64_t size = 0;
    bool valid = status_is_ok(decimal_read(line, &size));
    if (!valid || size > LIMIT_TREE_SIZE) {
        cursor->at = start;
        return valid ? refuse(cursor, STATUS_LIMIT, "tree size above the limit", "size")
                     : refuse(cursor, STATUS_INVALID, "not a decimal number", "size");
    }
    *out_size = size;
    return status_ok();
}

static struct status root_line(struct cursor *cursor, struct arena *arena, struct hash *out_root)
{
    struct span line;
    struct span root;
    size_t start = cursor->at;
    TRY(line_take(cursor, "root", &line));
    if (line.size != 44) {
        cursor->at = start;
        return refuse(cursor, STATUS_INVALID, "not the base64 of 32 bytes", "root");
    }
    struct status status = base64_read(line, arena, &root);
    if (!status_is_ok(status) || root.size != sizeof out_root->bytes) {
        cursor->at = start;
        return refuse(cursor, status.code == STATUS_NO_MEMORY ? STATUS_NO_MEMORY : STATUS_INVALID,
                      "not the base64 of 32 bytes", "root");
    }
    memcpy(out_root->bytes, root.data, root.size);
    return status_ok();
}

/* `line`: without its newline. */
static struct status signature_parse(struct cursor *cursor, struct span line, struct arena *arena,
                                     struct note_signature *out_signature)
{
    struct note_signature signature = {.line = span_of(line.data, line.size + 1)};
    if (line.size < sizeof DASH || memcmp(line.data, DASH, sizeof DASH) != 0) {
        return refuse(cursor, STATUS_INVALID, "does not begin as a signature line", "signature");
    }
    const uint8_t *rest = line.data + sizeof DASH;
    size_t rest_size = line.size - sizeof DASH;
    size_t name_size = 0;
    while (name_size < rest_size && rest[name_size] != ' ') {
        name_size++;
    }
    signature.name = span_of(rest, name_size);
    if (name_size == rest_size || !name_is_valid(signature.name)) {
        return refuse(cursor, STATUS_INVALID, "not a key's name", "signature");
    }
    struct span bytes;
    struct status status = base64_read(span_of(rest + name_size + 1, rest_size - name_size - 1), arena, &bytes);
    if (status.code == STATUS_NO_MEMORY) {
        return refuse(cursor, STATUS_NO_MEMORY, "out of memory", "signature");
    }
    if (!status_is_ok(status) || bytes.size <= sizeof signature.key_id.bytes) {
        return refuse(cursor, STATUS_INVALID, "not the base64 of a key id and a signature", "signature");
    }
    memcpy(signature.key_id.bytes, bytes.data, sizeof signature.key_id.bytes);
    signature.value = span_of(bytes.data + sizeof signature.key_id.bytes, bytes.size - sizeof signature.key_id.bytes);
    *out_signature = signature;
    return status_ok();
}

static bool same_key(const struct note_signature *a, const struct note_signature *b)
{
    return span_equal(a->name, b->name) && memcmp(a->key_id.bytes, b->key_id.bytes, sizeof a->key_id.bytes) == 0;
}

static struct status signatures_parse(struct cursor *cursor, struct arena *arena, struct note *note)
{
    struct note_signature *signatures = arena_array(arena, LIMIT_NOTE_SIGNATURES, sizeof *signatures);
    if (!signatures) {
        return refuse(cursor, STATUS_NO_MEMORY, "out of memory", "signature");
    }
    size_t count = 0;
    while (cursor->at < cursor->bytes.size || count == 0) {
        if (count == LIMIT_NOTE_SIGNATURES) {
            return refuse(cursor, STATUS_LIMIT, "too many signatures", "signature");
        }
        struct cursor start = *cursor;
        struct span line;
        TRY(line_take(cursor, "signature", &line));
        TRY(signature_parse(&start, line, arena, &signatures[count]));
        for (size_t i = 0; i < count; i++) {
            if (same_key(&signatures[i], &signatures[count])) {
                return refuse(&start, STATUS_INVALID, "two signatures by one key", "signature");
            }
        }
        count++;
    }
    note->signatures = signatures;
    note->signature_count = count;
    return status_ok();
}

struct status note_parse(struct span bytes, struct arena *arena, struct note *out_note, struct fault *fault)
{
    struct cursor cursor = {.bytes = bytes, .fault = fault};
    if (bytes.size > LIMIT_NOTE_SIZE) {
        return refuse(&cursor, STATUS_LIMIT, "signed note too large", "note");
    }
    struct note note = {.bytes = bytes};
    struct span blank;
    TRY(origin_line(&cursor, &note.origin));
    TRY(size_line(&cursor, &note.size));
    TRY(root_line(&cursor, arena, &note.root));
    note.text = span_of(bytes.data, cursor.at);
    struct cursor start = cursor;
    TRY(line_take(&cursor, "text", &blank));
    if (blank.size != 0) {
        return refuse(&start, STATUS_INVALID, "a checkpoint has three lines, then an empty one", "text");
    }
    TRY(signatures_parse(&cursor, arena, &note));
    *out_note = note;
    return status_ok();
}

/* Writing and signing. */

static void signature_write(struct buffer *buffer, struct span name, struct note_key_id id, const uint8_t *value,
                            size_t value_size)
{
    uint8_t bytes[sizeof id.bytes + COSIGNATURE_SIZE];
    memcpy(bytes, id.bytes, sizeof id.bytes);
    memcpy(bytes + sizeof id.bytes, value, value_size);
    buffer_add(buffer, DASH, sizeof DASH);
    buffer_add_span(buffer, name);
    buffer_add_u8(buffer, ' ');
    base64_write(buffer, span_of(bytes, sizeof id.bytes + value_size));
    buffer_add_u8(buffer, '\n');
}

struct status checkpoint_sign(const struct crypto *crypto, struct span origin, uint64_t size, const struct hash *root,
                              struct arena *arena, struct span *out_note)
{
    if (!name_is_valid(origin) || size > LIMIT_TREE_SIZE) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add_span(&buffer, origin);
    buffer_add_u8(&buffer, '\n');
    decimal_write(&buffer, size);
    buffer_add_u8(&buffer, '\n');
    base64_write(&buffer, span_of(root->bytes, sizeof root->bytes));
    buffer_add_u8(&buffer, '\n');
    struct span text;
    TRY(buffer_end(&buffer, &text));
    struct public_key key;
    struct signature signature;
    TRY(crypto->public_key(crypto->owner, SIGN_LOG, &key));
    TRY(crypto->sign(crypto->owner, SIGN_LOG, text, &signature));
    struct note_key_id id;
    note_key_id(crypto, origin, NOTE_KEY_ED25519, &key, &id);
    buffer_add_u8(&buffer, '\n');
    signature_write(&buffer, origin, id, signature.bytes, sizeof signature.bytes);
    return buffer_end(&buffer, out_note);
}

/* The note's line of this name and key, or NULL. */
static const struct note_signature *signature_find(const struct crypto *crypto, const struct note *note,
                                                   struct span name, enum note_key_type type,
                                                   const struct public_key *key)
{
    struct note_signature wanted = {.name = name};
    note_key_id(crypto, name, type, key, &wanted.key_id);
    for (size_t i = 0; i < note->signature_count; i++) {
        if (same_key(&note->signatures[i], &wanted)) {
            return &note->signatures[i];
        }
    }
    return NULL;
}

struct status checkpoint_verify(const struct crypto *crypto, const struct note *note, struct span origin,
                                const struct public_key *key)
{
    const struct note_signature *line = signature_find(crypto, note, origin, NOTE_KEY_ED25519, key);
    if (!span_equal(note->origin, origin) || !line || line->value.size != SIGNATURE_SIZE) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    struct signature signature;
    memcpy(signature.bytes, line->value.data, SIGNATURE_SIZE);
    return crypto->verify(crypto->owner, *key, note->text, signature);
}

/* What a cosigner signs: the time, then the whole text. */
static struct status cosigned_message(const struct note *note, uint64_t time_s, struct arena *arena,
                                      struct span *out_message)
{
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add_span(&buffer, span_text("cosignature/v1\ntime "));
    decimal_write(&buffer, time_s);
    buffer_add_u8(&buffer, '\n');
    buffer_add_span(&buffer, note->text);
    return buffer_end(&buffer, out_message);
}

struct status cosign(const struct crypto *crypto, const struct note *note, struct span cosigner_name, uint64_t time_s,
                     struct arena *arena, struct span *out_line)
{
    if (!name_is_valid(cosigner_name) || time_s == 0 || time_s > INT64_MAX) {
        return STATUS_MAKE(STATUS_INVALID);
    }
    struct span message;
    struct public_key key;
    struct signature signature;
    TRY(cosigned_message(note, time_s, arena, &message));
    TRY(crypto->public_key(crypto->owner, SIGN_COSIGNER, &key));
    TRY(crypto->sign(crypto->owner, SIGN_COSIGNER, message, &signature));
    struct note_key_id id;
    note_key_id(crypto, cosigner_name, NOTE_KEY_COSIGNATURE, &key, &id);
    uint8_t value[COSIGNATURE_SIZE];
    for (size_t i = 0; i < 8; i++) {
        value[i] = (uint8_t)(time_s >> (56 - 8 * i));
    }
    memcpy(value + 8, signature.bytes, SIGNATURE_SIZE);
    struct buffer buffer;
    buffer_init(&buffer, arena);
    signature_write(&buffer, cosigner_name, id, value, sizeof value);
    return buffer_end(&buffer, out_line);
}

struct status cosignature_verify(const struct crypto *crypto, const struct note *note, struct span cosigner_name,
                                 const struct public_key *key, struct arena *arena, uint64_t *out_time_s)
{
    const struct note_signature *line = signature_find(crypto, note, cosigner_name, NOTE_KEY_COSIGNATURE, key);
    if (!line || line->value.size != COSIGNATURE_SIZE) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    uint64_t time_s = 0;
    for (size_t i = 0; i < 8; i++) {
        time_s = time_s << 8 | line->value.data[i];
    }
    if (time_s == 0 || time_s > INT64_MAX) {
        return STATUS_MAKE(STATUS_DENIED);
    }
    struct span message;
    TRY(cosigned_message(note, time_s, arena, &message));
    struct signature signature;
    memcpy(signature.bytes, line->value.data + 8, SIGNATURE_SIZE);
    TRY(crypto->verify(crypto->owner, *key, message, signature));
    *out_time_s = time_s;
    return status_ok();
}

struct status note_add_line(const struct note *note, struct span line, struct arena *arena, struct span *out_note,
                            struct fault *fault)
{
    struct cursor cursor = {.bytes = line, .fault = fault};
    struct span body;
    struct note_signature added;
    TRY(line_take(&cursor, "signature", &body));
    if (cursor.at != line.size) {
        return refuse(&cursor, STATUS_INVALID, "more than one line", "signature");
    }
    cursor.at = 0;
    TRY(signature_parse(&cursor, body, arena, &added));
    struct buffer buffer;
    buffer_init(&buffer, arena);
    buffer_add_span(&buffer, note->text);
    buffer_add_u8(&buffer, '\n');
    size_t count = 1;
    for (size_t i = 0; i < note->signature_count; i++) {
        if (!same_key(&note->signatures[i], &added)) {
            buffer_add_span(&buffer, note->signatures[i].line);
            count++;
        }
    }
    buffer_add_span(&buffer, line);
    if (count > LIMIT_NOTE_SIGNATURES || buffer.size > LIMIT_NOTE_SIZE) {
        return refuse(&cursor, STATUS_LIMIT, "too many signatures", "signature");
    }
    return buffer_end(&buffer, out_note);
}
