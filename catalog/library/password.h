/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_PASSWORD_H
#define REFRAIN_CATALOG_LIBRARY_PASSWORD_H

#include "matcher/status.h"

#include <stdbool.h>

/** Password hashes: libcrypt's one home. yescrypt, as crypt(5) writes it
 *  ("$y$…"). Slow on purpose: about 91 ms of one core and 64 MiB a call
 *  (measured, cost 7; argon2id with the same memory took 116 ms), so callers
 *  bound how many run at once. Thread-safe. */

enum { PASSWORD_HASH_SIZE = 384 }; /* crypt.h: CRYPT_OUTPUT_SIZE */

/** STATUS_NO_MEMORY. */
MUST_USE enum status password_hash(char out[PASSWORD_HASH_SIZE],
                                   const char *password, struct error *err);

/** Is it the password that was hashed? `hash` "" stands for an account that
 *  does not exist: false, after the same work.
 *  STATUS_NO_MEMORY: nothing is known. */
MUST_USE enum status password_verify(bool *right, const char *password,
                                     const char *hash, struct error *err);

#endif
