/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/email.h"

#include <assert.h>

bool email_valid(const char *email)
{
    size_t length = strnlen(email, EMAIL_SIZE);
    if (length >= EMAIL_SIZE) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)email[i];
        if (c <= ' ' || c == 0x7f) {
            return false;
        }
    }
    const char *at = strchr(email, '@');
    return at != NULL && at != email && at[1] != '\0' &&
           strchr(at + 1, '@') == NULL;
}

void email_hash(char out[2 * SHA256_BYTES + 1], const char *email)
{
    uint8_t lower[EMAIL_SIZE];
    size_t length = strlen(email);
    assert(length < sizeof lower);
    for (size_t i = 0; i < length; i++) {
        uint8_t c = (uint8_t)email[i];
        bool upper = c >= 'A' && c <= 'Z';
        lower[i] = upper ? (uint8_t)(c + ('a' - 'A')) : c;
    }
    uint8_t hash[SHA256_BYTES];
    crypto_sha256(hash, lower, length);
    hex_encode(out, hash, sizeof hash);
}
