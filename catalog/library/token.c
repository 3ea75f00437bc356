/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/token.h"

#include <assert.h>
#include <stdio.h>

enum { SECRET_BYTES = 32, SECRET_HEX = 2 * SECRET_BYTES };
static const char PREFIX[] = "rf_";

_Static_assert(sizeof PREFIX - 1 + (ID_SIZE - 1) + 1 + SECRET_HEX + 1 <=
                   TOKEN_SIZE,
               "a token of the longest account id must fit");

void token_make(char out[TOKEN_SIZE], const char *account_id)
{
    assert(id_valid(account_id));
    uint8_t secret[SECRET_BYTES];
    char hex[SECRET_HEX + 1];
    crypto_random(secret, sizeof secret);
    hex_encode(hex, secret, sizeof secret);
    (void)snprintf(out, TOKEN_SIZE, "%s%s.%s", PREFIX, account_id, hex);
    crypto_wipe(secret, sizeof secret);
    crypto_wipe(hex, sizeof hex);
}

bool token_account(char out_id[ID_SIZE], const char *token)
{
    size_t prefix_length = sizeof PREFIX - 1;
    if (strnlen(token, TOKEN_SIZE) == TOKEN_SIZE ||
        strncmp(token, PREFIX, prefix_length) != 0) {
        return false;
    }
    const char *id = token + prefix_length;
    size_t id_length = strcspn(id, ".");
    const char *secret = id + id_length + (id[id_length] == '.');
    if (id_length >= ID_SIZE || strlen(secret) != SECRET_HEX ||
        strspn(secret, "0123456789abcdef") != SECRET_HEX) {
        return false;
    }
    memcpy(out_id, id, id_length);
    out_id[id_length] = '\0';
    return id_valid(out_id);
}

void token_hash(char out[2 * SHA256_BYTES + 1], const char *token)
{
    uint8_t hash[SHA256_BYTES];
    crypto_sha256(hash, token, strlen(token));
    hex_encode(out, hash, sizeof hash);
}
