/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/password.h"

#include "catalog/vault/crypto.h"

#include <assert.h>
#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(PASSWORD_HASH_SIZE == CRYPT_OUTPUT_SIZE,
               "a hash must fit where callers keep it");

/* crypt(5), yescrypt: each step doubles time and memory. */
enum { YESCRYPT_COST = 7, SALT_BYTES = 16 };

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory to hash a password (64 MiB each): give the "
                     "service more, or let fewer sign in at once");
}

/* Hashes under `setting`, a whole hash or the beginning of one. */
static enum status hash_under(char out[PASSWORD_HASH_SIZE],
                              const char *password, const char *setting,
                              struct error *err)
{
    void *data = NULL;
    int size = 0;
    const char *hash = crypt_ra(password, setting, &data, &size);
    if (hash != NULL) {
        (void)snprintf(out, PASSWORD_HASH_SIZE, "%s", hash);
    }
    if (data != NULL) {
        crypto_wipe(data, (size_t)size);
    }
    free(data);
    return hash == NULL ? no_memory(err) : STATUS_OK;
}

static enum status new_setting(char **out, const uint8_t salt[SALT_BYTES],
                               struct error *err)
{
    *out =
        crypt_gensalt_ra("$y$", YESCRYPT_COST, (const char *)salt, SALT_BYTES);
    return *out == NULL ? no_memory(err) : STATUS_OK;
}

enum status password_hash(char out[PASSWORD_HASH_SIZE], const char *password,
                          struct error *err)
{
    uint8_t salt[SALT_BYTES];
    crypto_random(salt, sizeof salt);
    char *setting = NULL;
    enum status status = new_setting(&setting, salt, err);
    if (status == STATUS_OK) {
        status = hash_under(out, password, setting, err);
    }
    free(setting);
    return status;
}

/* Every byte is looked at, however early two differ. */
static bool same_text(const char *a, const char *b)
{
    size_t length = strlen(a);
    if (strlen(b) != length) {
        return false;
    }
    unsigned difference = 0;
    for (size_t i = 0; i < length; i++) {
        difference |= (unsigned char)a[i] ^ (unsigned char)b[i];
    }
    return difference == 0;
}

enum status password_verify(bool *right, const char *password, const char *hash,
                            struct error *err)
{
    static const uint8_t no_salt[SALT_BYTES];
    char computed[PASSWORD_HASH_SIZE] = "";
    char *nobody = NULL;
    *right = false;
    enum status status = new_setting(&nobody, no_salt, err);
    if (status == STATUS_OK) {
        status = hash_under(computed, password, hash[0] == '\0' ? nobody : hash,
                            err);
    }
    if (status == STATUS_OK) {
        *right = hash[0] != '\0' && same_text(computed, hash);
    }
    free(nobody);
    return status;
}
