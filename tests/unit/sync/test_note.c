/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "node/base/heap.h"
#include "node/crypto/crypto_openssl.h"
#include "sync/note.h"
#include "tests/unit/sync/tree_model.h"

/* Covers sync/note.c. With SIMPUL_VERIFY_FILE set it also writes the cases that
 * tests/system/verify-go checks with Go's own implementation. */

static struct crypto *crypto; /* log and cosigner key, fixed seeds */
static struct arena arena;
static struct public_key log_key;
static struct public_key cosigner_key;
static struct span origin;
static struct span cosigner_name;

static int start(void **state)
{
    (void)state;
    uint8_t seeds[2][32];
    memset(seeds[0], 0x11, 32);
    memset(seeds[1], 0x22, 32);
    arena_init(&arena, memory_heap(), SIZE_MAX);
    origin = span_text("sync.demo/o/64.09/1/64.09");
    cosigner_name = span_text("sync.demo/w/hub");
    bool good = status_is_ok(crypto_openssl_new_seeds(seeds[0], seeds[1], &crypto)) &&
                status_is_ok(crypto->public_key(crypto->owner, SIGN_LOG, &log_key)) &&
                status_is_ok(crypto->public_key(crypto->owner, SIGN_COSIGNER, &cosigner_key));
    return good ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    arena_release(&arena);
    crypto_openssl_free(crypto);
    return 0;
}

static struct span sign_note(uint64_t size)
{
    struct hash root = {{0x5a, (uint8_t)size}};
    struct span note;
    assert_true(status_is_ok(checkpoint_sign(crypto, origin, size, &root, &arena, &note)));
    return note;
}

static enum status_code parse_code(struct span bytes)
{
    struct note note;
    struct fault fault;
    return note_parse(bytes, &arena, &note, &fault).code;
}

static struct note parse(struct span bytes)
{
    struct note note;
    struct fault fault = {0};
    struct status status = note_parse(bytes, &arena, &note, &fault);
    if (!status_is_ok(status)) {
        print_error("%s at %llu\n", fault.what, (unsigned long long)fault.at);
    }
    assert_true(status_is_ok(status));
    return note;
}

static struct span add_line(struct span bytes, struct span line)
{
    struct note note = parse(bytes);
    struct span out;
    struct fault fault;
    assert_true(status_is_ok(note_add_line(&note, line, &arena, &out, &fault)));
    return out;
}

static struct span cosign_line(struct span bytes, uint64_t time_s)
{
    struct note note = parse(bytes);
    struct span line;
    assert_true(status_is_ok(cosign(crypto, &note, cosigner_name, time_s, &arena, &line)));
    return line;
}

static void span_is(struct span span, const char *text)
{
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.data, text, span.size);
}

/* The example of Go's sumdb/note: key, text and signature line, as published there. */
static void the_published_key_has_its_published_id_and_signature(void **state)
{
    (void)state;
    struct span bytes;
    struct span line;
    assert_true(status_is_ok(base64_read(span_text("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &arena, &bytes)));
    assert_int_equal(bytes.size, 33);
    assert_int_equal(bytes.data[0], NOTE_KEY_ED25519);
    struct public_key key;
    memcpy(key.bytes, bytes.data + 1, 32);
    struct span verifier;
    assert_true(
        status_is_ok(note_verifier_key(crypto, span_text("PeterNeumann"), NOTE_KEY_ED25519, &key, &arena, &verifier)));
    span_is(verifier, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    assert_true(status_is_ok(base64_read(
        span_text("x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="),
        &arena, &line)));
    struct note_key_id id;
    note_key_id(crypto, span_text("PeterNeumann"), NOTE_KEY_ED25519, &key, &id);
    assert_int_equal(line.size, 68);
    assert_memory_equal(line.data, id.bytes, 4);
    struct signature signature;
    memcpy(signature.bytes, line.data + 4, 64);
    struct span text = span_text("If you think cryptography is the answer to your problem,\n"
                                 "then you don't know what your problem is.\n");
    assert_true(status_is_ok(crypto->verify(crypto->owner, key, text, signature)));
}

static void a_signed_checkpoint_parses_and_verifies(void **state)
{
    (void)state;
    const uint64_t sizes[] = {0, 1, 9, 10, 1234, LIMIT_TREE_SIZE};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct note note = parse(sign_note(sizes[i]));
        assert_true(span_equal(note.origin, origin));
        assert_int_equal(note.size, sizes[i]);
        assert_int_equal(note.root.bytes[0], 0x5a);
        assert_int_equal(note.signature_count, 1);
        assert_true(status_is_ok(checkpoint_verify(crypto, &note, origin, &log_key)));
    }
    struct note note = parse(sign_note(12));
    span_is(note.text, "sync.demo/o/64.09/1/64.09\n12\nWgwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    assert_true(span_equal(sign_note(12), sign_note(12)));
}

static void a_foreign_key_or_origin_is_denied(void **state)
{
    (void)state;
    struct note note = parse(sign_note(5));
    struct span other = span_text("sync.demo/o/64.09/2/64.09");
    assert_int_equal(checkpoint_verify(crypto, &note, origin, &cosigner_key).code, STATUS_DENIED);
    assert_int_equal(checkpoint_verify(crypto, &note, other, &log_key).code, STATUS_DENIED);
    uint64_t time_s; /* and a log's line is no cosignature */
    assert_int_equal(cosignature_verify(crypto, &note, origin, &log_key, &arena, &time_s).code, STATUS_DENIED);
}

static void no_changed_byte_of_a_note_verifies(void **state)
{
    (void)state;
    struct span signed_note = sign_note(1234);
    struct span full = add_line(signed_note, cosign_line(signed_note, 1700000000));
    uint8_t *bytes = malloc(full.size);
    assert_non_null(bytes);
    size_t parsed = 0;
    for (size_t i = 0; i < full.size; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            memcpy(bytes, full.data, full.size);
            bytes[i] = (uint8_t)(bytes[i] ^ 1u << bit);
            struct note note;
            struct fault fault;
            if (!status_is_ok(note_parse(span_of(bytes, full.size), &arena, &note, &fault))) {
                continue;
            }
            parsed++;
            uint64_t time_s;
            bool log_holds = status_is_ok(checkpoint_verify(crypto, &note, origin, &log_key));
            bool cosigner_holds =
                status_is_ok(cosignature_verify(crypto, &note, cosigner_name, &cosigner_key, &arena, &time_s));
            assert_false(log_holds && cosigner_holds);
            assert_false(i < signed_note.size && log_holds);
        }
    }
    free(bytes);
    assert_true(parsed > 100);
}

static void no_cut_note_parses(void **state)
{
    (void)state;
    struct span signed_note = sign_note(1234);
    struct span full = add_line(signed_note, cosign_line(signed_note, 1700000000));
    for (size_t size = 0; size < full.size; size++) {
        if (size != signed_note.size) {
            assert_int_equal(parse_code(span_of(full.data, size)), STATUS_INVALID);
        }
    }
}

#define ROOT "WgwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define DASH "\xe2\x80\x94 "
#define LINE DASH "a AAAAAAA=\n" /* key id and one byte */

static void only_the_one_form_of_a_checkpoint_parses(void **state)
{
    (void)state;
    assert_int_equal(parse_code(span_text("a\n12\n" ROOT "\n\n" LINE)), STATUS_OK);
    static const char *const bad[] = {
        "",
        "\n",
        "a\n12\n" ROOT "\n\n",                 /* no signature */
        "a\n12\n" ROOT "\n" LINE,              /* no empty line */
        "a\n12\n" ROOT "\n\n\n" LINE,          /* two */
        "a\n12\n" ROOT "\nextension\n\n" LINE, /* none of ours */
        "a\n12\n\n" LINE,                      /* no root */
        "\n12\n" ROOT "\n\n" LINE,             /* no origin */
        "a b\n12\n" ROOT "\n\n" LINE,          /* space in it */
        "a+b\n12\n" ROOT "\n\n" LINE,          /* plus in it */
        "a\xc3\xa9\n12\n" ROOT "\n\n" LINE,    /* not ASCII */
        "a\r\n12\r\n" ROOT "\r\n\r\n" LINE,    /* CR */
        "a\n012\n" ROOT "\n\n" LINE,           /* leading zero */
        "a\n00\n" ROOT "\n\n" LINE,
        "a\n+12\n" ROOT "\n\n" LINE,
        "a\n-1\n" ROOT "\n\n" LINE,
        "a\n\n" ROOT "\n\n" LINE,
        "a\n12 \n" ROOT "\n\n" LINE,
        "a\n0x12\n" ROOT "\n\n" LINE,
        "a\n18446744073709551616\n" ROOT "\n\n" LINE,                   /* 2^64 */
        "a\n12\nWgwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\n" LINE, /* unused bits */
        "a\n12\nWgwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n" LINE,  /* no padding */
        "a\n12\nWgwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n\n" LINE, /* 31 bytes */
        "a\n12\nWgwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\n" LINE, /* 33 bytes */
        "a\n12\nWgwAAAAAAAAAAAAAAAAAAAA-AAAAAAAAAAAAAAAAAAA=\n\n" LINE, /* URL alphabet */
        "a\n12\n" ROOT "\n\n"
        "- a AAAAAAA=\n", /* hyphen */
        "a\n12\n" ROOT "\n\n"
        "\xe2\x80\x94"
        "a AAAAAAA=\n",
        "a\n12\n" ROOT "\n\n" DASH " AAAAAAA=\n",   /* no name */
        "a\n12\n" ROOT "\n\n" DASH "a  AAAAAAA=\n", /* two spaces */
        "a\n12\n" ROOT "\n\n" DASH "a+ AAAAAAA=\n",
        "a\n12\n" ROOT "\n\n" DASH "a AAAAAA==\n", /* key id only */
        "a\n12\n" ROOT "\n\n" DASH "a AAAAAAA= \n",
        "a\n12\n" ROOT "\n\n" DASH "a AAAAAAB=\n",
        "a\n12\n" ROOT "\n\n" DASH "a\n",
        "a\n12\n" ROOT "\n\n" LINE "\n",
        "a\n12\n" ROOT "\n\n" LINE LINE, /* one key twice */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (parse_code(span_text(bad[i])) != STATUS_INVALID) {
            fail_msg("case %zu is not refused as invalid", i);
        }
    }
    assert_int_equal(parse_code(span_text("a\n4611686018427387905\n" ROOT "\n\n" LINE)), STATUS_LIMIT);
    static const char with_zero[] = "a\n1\0002\n" ROOT "\n\n" LINE;
    assert_int_equal(parse_code(span_of(with_zero, sizeof with_zero - 1)), STATUS_INVALID);
}

static void a_fault_names_field_and_offset(void **state)
{
    (void)state;
    struct note note;
    struct fault fault;
    const char *text = "a\n012\n" ROOT "\n\n" LINE;
    assert_int_equal(note_parse(span_text(text), &arena, &note, &fault).code, STATUS_INVALID);
    assert_string_equal(fault.field, "size");
    assert_int_equal(fault.at, 2);
    assert_int_equal(note_parse(span_text(text), &arena, &note, NULL).code, STATUS_INVALID);
}

static void unknown_keys_and_types_are_kept_and_mean_nothing(void **state)
{
    (void)state;
    struct span bytes = add_line(sign_note(7), span_text(DASH "audit.example/pq AQIDBP9hYmNkZWZn\n"));
    struct note note = parse(bytes);
    assert_int_equal(note.signature_count, 2);
    span_is(note.signatures[1].name, "audit.example/pq");
    assert_int_equal(note.signatures[1].key_id.bytes[3], 4);
    assert_int_equal(note.signatures[1].value.size, 8);
    assert_true(status_is_ok(checkpoint_verify(crypto, &note, origin, &log_key)));
}

static void a_cosignature_verifies_with_its_time(void **state)
{
    (void)state;
    struct span signed_note = sign_note(7);
    struct note note = parse(add_line(signed_note, cosign_line(signed_note, 1700000000)));
    uint64_t time_s = 0;
    assert_true(status_is_ok(cosignature_verify(crypto, &note, cosigner_name, &cosigner_key, &arena, &time_s)));
    assert_int_equal(time_s, 1700000000);
    assert_int_equal(cosignature_verify(crypto, &note, cosigner_name, &log_key, &arena, &time_s).code, STATUS_DENIED);
    assert_int_equal(
        cosignature_verify(crypto, &note, span_text("sync.demo/w/64"), &cosigner_key, &arena, &time_s).code,
        STATUS_DENIED);
    assert_true(status_is_ok(checkpoint_verify(crypto, &note, origin, &log_key)));
    struct span line;
    assert_int_equal(cosign(crypto, &note, cosigner_name, 0, &arena, &line).code, STATUS_INVALID);
    assert_int_equal(cosign(crypto, &note, span_text("a b"), 1, &arena, &line).code, STATUS_INVALID);
}

static void a_newer_cosignature_takes_the_place_of_the_older(void **state)
{
    (void)state;
    struct span first = sign_note(7);
    struct span second = add_line(first, cosign_line(first, 1700000000));
    struct span third = add_line(second, cosign_line(second, 1700000060));
    struct note note = parse(third);
    uint64_t time_s;
    assert_int_equal(note.signature_count, 2);
    assert_true(status_is_ok(cosignature_verify(crypto, &note, cosigner_name, &cosigner_key, &arena, &time_s)));
    assert_int_equal(time_s, 1700000060);
    assert_int_equal(third.size, second.size);
}

/* Signed by two log keys at one size, as a rotation leaves it. */
static void both_lines_of_a_rotation_verify(void **state)
{
    (void)state;
    uint8_t seed[32] = {0x33};
    struct crypto *next;
    struct public_key next_key;
    struct hash root = {{0x5a, 7}};
    struct span text;
    assert_true(status_is_ok(crypto_openssl_new_seeds(seed, NULL, &next)));
    assert_true(status_is_ok(next->public_key(next->owner, SIGN_LOG, &next_key)));
    assert_true(status_is_ok(checkpoint_sign(next, origin, 7, &root, &arena, &text)));
    struct note by_next = parse(text);
    struct note note = parse(add_line(sign_note(7), by_next.signatures[0].line));
    assert_int_equal(note.signature_count, 2);
    assert_true(status_is_ok(checkpoint_verify(crypto, &note, origin, &log_key)));
    assert_true(status_is_ok(checkpoint_verify(crypto, &note, origin, &next_key)));
    struct span line;
    assert_int_equal(cosign(next, &note, cosigner_name, 1, &arena, &line).code, STATUS_DENIED);
    crypto_openssl_free(next);
}

static void a_note_takes_sixteen_lines_and_no_more(void **state)
{
    (void)state;
    struct span bytes = sign_note(7);
    char line[64];
    for (int i = 1; i < LIMIT_NOTE_SIGNATURES; i++) {
        (void)snprintf(line, sizeof line, DASH "k%d AAAAAAA=\n", i);
        bytes = add_line(bytes, span_text(line));
    }
    struct note note = parse(bytes);
    struct span out;
    struct fault fault;
    assert_int_equal(note.signature_count, LIMIT_NOTE_SIGNATURES);
    assert_int_equal(note_add_line(&note, span_text(LINE), &arena, &out, &fault).code, STATUS_LIMIT);
    assert_true(status_is_ok(note_add_line(&note, span_text(line), &arena, &out, &fault)));
    struct buffer buffer;
    buffer_init(&buffer, &arena);
    buffer_add_span(&buffer, bytes);
    buffer_add_span(&buffer, span_text(LINE));
    assert_true(status_is_ok(buffer_end(&buffer, &out)));
    assert_int_equal(parse_code(out), STATUS_LIMIT);
}

static void a_note_above_its_size_is_refused_unread(void **state)
{
    (void)state;
    size_t size = LIMIT_NOTE_SIZE + 1;
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, 'a', size);
    assert_int_equal(parse_code(span_of(bytes, size)), STATUS_LIMIT);
    assert_int_equal(parse_code(span_of(bytes, size - 1)), STATUS_INVALID);
    free(bytes);
}

static void only_one_whole_line_can_be_added(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "\n", DASH "a AAAAAAA=", LINE LINE, LINE "x", "a AAAAAAA=\n"};
    struct note note = parse(sign_note(7));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct span out;
        assert_int_equal(note_add_line(&note, span_text(bad[i]), &arena, &out, NULL).code, STATUS_INVALID);
    }
}

static struct status sign_parse_and_cosign(struct arena *scratch)
{
    struct hash root = {{1}};
    struct span bytes;
    struct span line;
    struct note note;
    uint64_t time_s;
    TRY(checkpoint_sign(crypto, origin, 7, &root, scratch, &bytes));
    TRY(note_parse(bytes, scratch, &note, NULL));
    TRY(cosign(crypto, &note, cosigner_name, 1700000000, scratch, &line));
    TRY(note_add_line(&note, line, scratch, &bytes, NULL));
    TRY(note_parse(bytes, scratch, &note, NULL));
    TRY(checkpoint_verify(crypto, &note, origin, &log_key));
    return cosignature_verify(crypto, &note, cosigner_name, &cosigner_key, scratch, &time_s);
}

static void any_lack_of_memory_is_reported(void **state)
{
    (void)state;
    uint64_t failures = 0;
    for (size_t budget = 0;; budget += 64) {
        struct arena scratch;
        arena_init(&scratch, memory_heap(), budget);
        struct status status = sign_parse_and_cosign(&scratch);
        arena_release(&scratch);
        if (status_is_ok(status)) {
            break;
        }
        assert_int_equal(status.code, STATUS_NO_MEMORY);
        failures++;
    }
    assert_true(failures > 3);
}

/* Cases for the outside verifier: the format stands in tests/system/verify-go/main.go. */

#define VERIFY_LEAVES 600

static void write_base64(FILE *file, struct span bytes)
{
    struct buffer buffer;
    struct span text;
    buffer_init(&buffer, &arena);
    base64_write(&buffer, bytes);
    assert_true(status_is_ok(buffer_end(&buffer, &text)));
    (void)fprintf(file, " %.*s", (int)text.size, (const char *)text.data);
}

static void write_proof(FILE *file, const struct tree_proof *proof)
{
    for (size_t i = 0; i < proof->count; i++) {
        write_base64(file, span_of(proof->hashes[i].bytes, 32));
    }
    (void)fputc('\n', file);
}

static void write_key(FILE *file, const char *word, struct span name, enum note_key_type type,
                      const struct public_key *key)
{
    struct span text;
    assert_true(status_is_ok(note_verifier_key(crypto, name, type, key, &arena, &text)));
    (void)fprintf(file, "%s %.*s\n", word, (int)text.size, (const char *)text.data);
}

static struct span note_at(const struct hash *leaves, uint64_t size)
{
    struct hash root = model_root(crypto, leaves, size);
    struct span bytes;
    assert_true(status_is_ok(checkpoint_sign(crypto, origin, size, &root, &arena, &bytes)));
    return add_line(bytes, cosign_line(bytes, 1700000000 + size));
}

static void write_tree(FILE *file, const struct hash *leaves, uint64_t size)
{
    struct model_log log = {crypto, leaves, size};
    struct tree_source source = model_source(&log);
    struct tree_proof proof;
    (void)fputs("note", file);
    write_base64(file, note_at(leaves, size));
    (void)fputc('\n', file);
    for (uint64_t index = 0; index < size; index += 1 + size / 9) {
        uint8_t leaf[8] = {0, 0, 0, 0, 0, 0, (uint8_t)(index >> 8), (uint8_t)index};
        assert_true(status_is_ok(tree_inclusion_make(&source, crypto, index, size, &proof)));
        (void)fprintf(file, "leaf %llu", (unsigned long long)index);
        write_base64(file, span_of(leaf, sizeof leaf));
        write_proof(file, &proof);
    }
    for (uint64_t old_size = 1; old_size < size; old_size += 1 + size / 9) {
        assert_true(status_is_ok(tree_consistency_make(&source, crypto, old_size, size, &proof)));
        (void)fputs("older", file);
        write_base64(file, note_at(leaves, old_size));
        write_proof(file, &proof);
    }
}

static void the_outside_verifier_gets_its_cases(void **state)
{
    (void)state;
    const char *path = getenv("SIMPUL_VERIFY_FILE");
    FILE *file = path ? fopen(path, "w") : tmpfile();
    assert_non_null(file);
    struct hash *leaves = model_leaves(crypto, VERIFY_LEAVES);
    (void)fputs("# written by tests/unit/sync/test_note.c\n", file);
    write_key(file, "key", origin, NOTE_KEY_ED25519, &log_key);
    write_key(file, "cosigner", cosigner_name, NOTE_KEY_COSIGNATURE, &cosigner_key);
    const uint64_t sizes[] = {1, 2, 3, 7, 8, 70, 255, 256, 257, VERIFY_LEAVES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        write_tree(file, leaves, sizes[i]);
    }
    free(leaves);
    assert_int_equal(fclose(file), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_key_has_its_published_id_and_signature),
        cmocka_unit_test(a_signed_checkpoint_parses_and_verifies),
        cmocka_unit_test(a_foreign_key_or_origin_is_denied),
        cmocka_unit_test(no_changed_byte_of_a_note_verifies),
        cmocka_unit_test(no_cut_note_parses),
        cmocka_unit_test(only_the_one_form_of_a_checkpoint_parses),
        cmocka_unit_test(a_fault_names_field_and_offset),
        cmocka_unit_test(unknown_keys_and_types_are_kept_and_mean_nothing),
        cmocka_unit_test(a_cosignature_verifies_with_its_time),
        cmocka_unit_test(a_newer_cosignature_takes_the_place_of_the_older),
        cmocka_unit_test(both_lines_of_a_rotation_verify),
        cmocka_unit_test(a_note_takes_sixteen_lines_and_no_more),
        cmocka_unit_test(a_note_above_its_size_is_refused_unread),
        cmocka_unit_test(only_one_whole_line_can_be_added),
        cmocka_unit_test(any_lack_of_memory_is_reported),
        cmocka_unit_test(the_outside_verifier_gets_its_cases),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
