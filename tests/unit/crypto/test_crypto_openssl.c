/* SPDX-License-Identifier: Apache-2.0 */
/* libraries: node_crypto */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/crypto/crypto_openssl.h"

static struct crypto *crypto;

static int start(void **state)
{
    (void)state;
    return status_is_ok(crypto_openssl_new(NULL, &crypto, NULL, 0)) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    crypto_openssl_free(crypto);
    crypto_openssl_free(NULL);
    return 0;
}

static uint8_t hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t hex_read(const char *text, void *out_bytes)
{
    uint8_t *bytes = out_bytes;
    size_t size = strlen(text) / 2;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    }
    return size;
}

static void hash_is(const struct hash *hash, const char *text)
{
    struct hash expected;
    assert_int_equal(hex_read(text, &expected), 32);
    assert_memory_equal(hash->bytes, expected.bytes, 32);
}

static void sha256_gives_the_published_values_however_the_input_is_cut(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *hash;
    } vectors[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct span text = span_text(vectors[i].text);
        for (size_t cut = 0; cut <= text.size; cut++) {
            const struct span parts[] = {span_of(text.data, cut), {NULL, 0}, span_of(text.data + cut, text.size - cut)};
            struct hash hash;
            crypto->sha256(crypto->owner, parts, 3, &hash);
            hash_is(&hash, vectors[i].hash);
        }
    }
    struct hash hash;
    crypto->sha256(crypto->owner, NULL, 0, &hash);
    hash_is(&hash, vectors[0].hash);
}

static void hmac_gives_the_values_of_rfc_4231(void **state)
{
    (void)state;
    uint8_t key[131];
    struct hash hash;
    memset(key, 0x0b, 20);
    struct span text = span_text("Hi There");
    crypto->hmac(crypto->owner, span_of(key, 20), &text, 1, &hash);
    hash_is(&hash, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    const struct span parts[] = {span_text("what do ya want "), span_text(""), span_text("for nothing?")};
    crypto->hmac(crypto->owner, span_text("Jefe"), parts, 3, &hash);
    hash_is(&hash, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    text = span_text("Test Using Larger Than Block-Size Key - Hash Key First");
    crypto->hmac(crypto->owner, span_of(key, sizeof key), &text, 1, &hash);
    hash_is(&hash, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void an_empty_hmac_key_is_not_the_key_of_the_last_call(void **state)
{
    (void)state;
    struct hash hash;
    struct span text = span_text("x");
    crypto->hmac(crypto->owner, span_text("secret"), &text, 1, &hash);
    crypto->hmac(crypto->owner, (struct span){NULL, 0}, NULL, 0, &hash);
    hash_is(&hash, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void random_bytes_differ_and_fill_the_buffer(void **state)
{
    (void)state;
    uint8_t a[600] = {0};
    uint8_t b[600] = {0};
    crypto->random(crypto->owner, a, sizeof a);
    crypto->random(crypto->owner, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    static const uint8_t zero[16];
    assert_memory_not_equal(a + sizeof a - 16, zero, 16);
}

/* RFC 8032 section 7.1. */
struct ed25519_vector {
    const char *seed;
    const char *public_key;
    const char *message;
    const char *signature;
};

static const struct ed25519_vector ED25519_VECTORS[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "551"
     "41438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
     "00d"
     "291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "027"
     "beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2"
     "a9a"
     "c94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad"
     "9be"
     "f1177331a704"},
};

struct ed25519_case {
    uint8_t seed[32];
    struct public_key key;
    uint8_t message_bytes[64];
    struct span message;
    struct signature signature;
};

static void case_load(const struct ed25519_vector *vector, struct ed25519_case *out_case)
{
    (void)hex_read(vector->seed, out_case->seed);
    (void)hex_read(vector->public_key, &out_case->key);
    out_case->message = span_of(out_case->message_bytes, hex_read(vector->message, out_case->message_bytes));
    (void)hex_read(vector->signature, &out_case->signature);
}

static bool verifies(const struct public_key *key, struct span message, const struct signature *signature)
{
    struct status status = crypto->verify(crypto->owner, *key, message, *signature);
    assert_true(status_is_ok(status) || status.code == STATUS_DENIED);
    return status_is_ok(status);
}

static void signing_gives_the_signatures_of_rfc_8032(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ED25519_VECTORS / sizeof ED25519_VECTORS[0]; i++) {
        struct ed25519_case c;
        case_load(&ED25519_VECTORS[i], &c);
        struct crypto *own;
        assert_true(status_is_ok(crypto_openssl_new_seeds(c.seed, NULL, &own)));
        struct public_key key;
        struct signature signature;
        assert_true(status_is_ok(own->public_key(own->owner, SIGN_LOG, &key)));
        assert_memory_equal(key.bytes, c.key.bytes, 32);
        assert_true(status_is_ok(own->sign(own->owner, SIGN_LOG, c.message, &signature)));
        assert_memory_equal(signature.bytes, c.signature.bytes, 64);
        assert_int_equal(own->sign(own->owner, SIGN_COSIGNER, c.message, &signature).code, STATUS_DENIED);
        assert_int_equal(own->public_key(own->owner, SIGN_COSIGNER, &key).code, STATUS_DENIED);
        crypto_openssl_free(own);
        assert_true(verifies(&c.key, c.message, &c.signature));
    }
}

static void no_changed_signature_key_or_message_verifies(void **state)
{
    (void)state;
    struct ed25519_case c;
    case_load(&ED25519_VECTORS[3], &c);
    for (size_t i = 0; i < 64; i++) {
        c.signature.bytes[i] ^= 1;
        assert_false(verifies(&c.key, c.message, &c.signature));
        c.signature.bytes[i] ^= 1;
        c.message_bytes[i] ^= 0x80;
        assert_false(verifies(&c.key, c.message, &c.signature));
        c.message_bytes[i] ^= 0x80;
        c.key.bytes[i % 32] ^= 4;
        assert_false(verifies(&c.key, c.message, &c.signature));
        c.key.bytes[i % 32] ^= 4;
    }
    assert_true(verifies(&c.key, c.message, &c.signature));
    assert_false(verifies(&c.key, span_of(c.message.data, c.message.size - 1), &c.signature));
}

/* S + L names the same scalar: a second signature over the same message, which RFC 8032 section 5.1.7 refuses. */
static void a_non_canonical_s_is_refused(void **state)
{
    (void)state;
    static const char order[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    uint8_t l[32];
    (void)hex_read(order, l);
    for (size_t i = 0; i < sizeof ED25519_VECTORS / sizeof ED25519_VECTORS[0]; i++) {
        struct ed25519_case c;
        case_load(&ED25519_VECTORS[i], &c);
        uint32_t carry = 0;
        for (size_t k = 0; k < 32; k++) {
            carry += (uint32_t)c.signature.bytes[32 + k] + l[k];
            c.signature.bytes[32 + k] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_false(verifies(&c.key, c.message, &c.signature));
    }
}

/* With a public key of small order, R = that order's point and S = 0 can pass for any message. */
static void keys_of_small_order_or_in_a_second_encoding_are_refused(void **state)
{
    (void)state;
    static const char *const keys[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct public_key key;
        (void)hex_read(keys[i], &key);
        for (uint8_t message = 0; message < 16; message++) {
            struct signature signature = {{0}};
            signature.bytes[0] = 1; /* R: the neutral point; S: 0 */
            assert_false(verifies(&key, span_of(&message, 1), &signature));
            memcpy(signature.bytes, key.bytes, 32);
            assert_false(verifies(&key, span_of(&message, 1), &signature));
        }
    }
}

static void random_keys_sign_for_both_uses_and_differ(void **state)
{
    (void)state;
    struct crypto *own;
    assert_true(status_is_ok(crypto_openssl_new_random(&own)));
    struct public_key keys[2];
    for (uint32_t use = 0; use < 2; use++) {
        struct signature signature;
        assert_true(status_is_ok(own->public_key(own->owner, (enum signing_key)use, &keys[use])));
        assert_true(status_is_ok(own->sign(own->owner, (enum signing_key)use, span_text("x"), &signature)));
        assert_true(verifies(&keys[use], span_text("x"), &signature));
        assert_false(verifies(&keys[use], span_text("y"), &signature));
    }
    assert_memory_not_equal(keys[0].bytes, keys[1].bytes, 32);
    struct signature signature;
    assert_int_equal(own->sign(own->owner, (enum signing_key)2, span_text("x"), &signature).code, STATUS_DENIED);
    crypto_openssl_free(own);
}

static void *hash_in_a_thread(void *owner)
{
    uint64_t *wrong = owner;
    struct ed25519_case c;
    case_load(&ED25519_VECTORS[2], &c);
    for (size_t i = 0; i < 200; i++) {
        struct hash hash;
        struct span text = span_text("abc");
        crypto->sha256(crypto->owner, &text, 1, &hash);
        *wrong += hash.bytes[0] != 0xba || hash.bytes[31] != 0xad;
        *wrong += !status_is_ok(crypto->verify(crypto->owner, c.key, c.message, c.signature));
    }
    return NULL;
}

static void threads_use_one_crypto_side_by_side(void **state)
{
    (void)state;
    pthread_t threads[4];
    uint64_t wrong[4] = {0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_in_a_thread, &wrong[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(wrong[i], 0);
    }
}

/* Key files, in a folder of their own. */

struct folder {
    char path[64];
    char file[128];
    char problem[512];
};

static void folder_make(struct folder *folder)
{
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/simpul-test-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    (void)snprintf(folder->file, sizeof folder->file, "%s/log.pem", folder->path);
    memset(folder->problem, 0, sizeof folder->problem);
}

static void folder_remove(struct folder *folder)
{
    (void)unlink(folder->file);
    assert_int_equal(rmdir(folder->path), 0);
}

static void file_write(const struct folder *folder, const char *text, mode_t mode)
{
    (void)unlink(folder->file);
    FILE *file = fopen(folder->file, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(folder->file, mode), 0);
}

static enum status_code load(struct folder *folder, struct crypto **out_crypto)
{
    const struct crypto_key_files files = {.log = folder->file};
    return crypto_openssl_new(&files, out_crypto, folder->problem, sizeof folder->problem).code;
}

static void a_generated_key_file_loads_and_signs(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct public_key made;
    assert_true(status_is_ok(crypto_openssl_generate(folder.file, &made, folder.problem, sizeof folder.problem)));
    struct stat info;
    assert_int_equal(stat(folder.file, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0400);
    struct crypto *own;
    assert_int_equal(load(&folder, &own), STATUS_OK);
    struct public_key key;
    assert_true(status_is_ok(own->public_key(own->owner, SIGN_LOG, &key)));
    assert_memory_equal(key.bytes, made.bytes, 32);
    assert_int_equal(own->public_key(own->owner, SIGN_COSIGNER, &key).code, STATUS_DENIED);
    crypto_openssl_free(own);
    folder_remove(&folder);
}

static void a_key_file_is_never_overwritten(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct public_key first;
    struct public_key second = {{9}};
    assert_true(status_is_ok(crypto_openssl_generate(folder.file, &first, NULL, 0)));
    assert_int_equal(crypto_openssl_generate(folder.file, &second, folder.problem, sizeof folder.problem).code,
                     STATUS_EXISTS);
    assert_non_null(strstr(folder.problem, "never overwritten"));
    assert_int_equal(second.bytes[0], 9);
    struct crypto *own;
    assert_int_equal(load(&folder, &own), STATUS_OK);
    assert_true(status_is_ok(own->public_key(own->owner, SIGN_LOG, &second)));
    assert_memory_equal(first.bytes, second.bytes, 32);
    crypto_openssl_free(own);
    folder_remove(&folder);
}

static void a_wider_mode_is_refused_with_the_command_that_mends_it(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct public_key key;
    struct crypto *own;
    assert_true(status_is_ok(crypto_openssl_generate(folder.file, &key, NULL, 0)));
    const mode_t modes[] = {0600, 0440, 0404, 0444, 0640, 0777, 04400};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(folder.file, modes[i]), 0);
        assert_int_equal(load(&folder, &own), STATUS_DENIED);
        assert_non_null(strstr(folder.problem, folder.file));
        assert_non_null(strstr(folder.problem, "chmod 0400"));
    }
    assert_int_equal(chmod(folder.file, 0400), 0);
    assert_int_equal(load(&folder, &own), STATUS_OK);
    assert_string_equal(folder.problem, "");
    crypto_openssl_free(own);
    folder_remove(&folder);
}

static void what_is_no_ed25519_key_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "hello\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        /* X25519 of RFC 8410's kind */
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfTC+H68CZKrF3+6UduSxq\n"
         "-----END PRIVATE KEY-----\n"),
    };
    struct folder folder;
    folder_make(&folder);
    struct crypto *own;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        file_write(&folder, texts[i], 0400);
        assert_int_equal(load(&folder, &own), STATUS_INVALID);
        assert_non_null(strstr(folder.problem, folder.file));
    }
    folder_remove(&folder);
    assert_int_equal(load(&folder, &own), STATUS_NOT_FOUND);
    assert_non_null(strstr(folder.problem, "cannot be opened"));
}

static void a_fifo_or_a_folder_is_no_key_file(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct crypto *own;
    assert_int_equal(mkfifo(folder.file, 0400), 0);
    assert_int_equal(load(&folder, &own), STATUS_DENIED);
    assert_int_equal(unlink(folder.file), 0);
    (void)snprintf(folder.file, sizeof folder.file, "%s", folder.path);
    assert_int_equal(load(&folder, &own), STATUS_DENIED);
    assert_int_equal(rmdir(folder.path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_values_however_the_input_is_cut),
        cmocka_unit_test(hmac_gives_the_values_of_rfc_4231),
        cmocka_unit_test(an_empty_hmac_key_is_not_the_key_of_the_last_call),
        cmocka_unit_test(random_bytes_differ_and_fill_the_buffer),
        cmocka_unit_test(signing_gives_the_signatures_of_rfc_8032),
        cmocka_unit_test(no_changed_signature_key_or_message_verifies),
        cmocka_unit_test(a_non_canonical_s_is_refused),
        cmocka_unit_test(keys_of_small_order_or_in_a_second_encoding_are_refused),
        cmocka_unit_test(random_keys_sign_for_both_uses_and_differ),
        cmocka_unit_test(threads_use_one_crypto_side_by_side),
        cmocka_unit_test(a_generated_key_file_loads_and_signs),
        cmocka_unit_test(a_key_file_is_never_overwritten),
        cmocka_unit_test(a_wider_mode_is_refused_with_the_command_that_mends_it),
        cmocka_unit_test(what_is_no_ed25519_key_is_refused),
        cmocka_unit_test(a_fifo_or_a_folder_is_no_key_file),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
