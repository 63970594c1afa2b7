/* SPDX-License-Identifier: Apache-2.0 */
#include <argon2.h>
#include <stdio.h>

#include "node/staff/staff_parts.h"

/* Strength: RFC 9106 section 4 and OWASP's minimum; one lane, because a login takes one thread. */
enum { PASSES = 2, MEMORY_KIB = 19456, LANES = 1, SALT_SIZE = 16, HASH_SIZE = 32 };

struct status password_hash(const struct crypto *crypto, const char *password, char *out_encoded, size_t size)
{
    uint8_t salt[SALT_SIZE];
    crypto->random(crypto->owner, salt, sizeof salt);
    int rc = argon2id_hash_encoded(PASSES, MEMORY_KIB, LANES, password, strlen(password), salt, sizeof salt, HASH_SIZE,
                                   out_encoded, size);
    return rc == ARGON2_OK ? status_ok() : STATUS_MAKE(STATUS_NO_MEMORY);
}

bool password_fits(const char *encoded, const char *password)
{
    return argon2id_verify(encoded, password, strlen(password)) == ARGON2_OK;
}

void password_waste(const char *password)
{
    uint8_t hash[HASH_SIZE];
    (void)argon2id_hash_raw(PASSES, MEMORY_KIB, LANES, password, strlen(password), "no such account.", SALT_SIZE, hash,
                            sizeof hash);
}

void staff_password_make(const struct crypto *crypto, char out_password[25])
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789x"; /* 32 of them; none that looks like another */
    uint8_t bytes[20];
    size_t at = 0;
    crypto->random(crypto->owner, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i > 0 && i % 4 == 0) {
            out_password[at++] = '-';
        }
        out_password[at++] = letters[bytes[i] & 31];
    }
    out_password[at] = 0;
}
