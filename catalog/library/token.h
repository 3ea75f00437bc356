/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_TOKEN_H
#define REFRAIN_CATALOG_LIBRARY_TOKEN_H

#include "catalog/library/devices.h"
#include "catalog/vault/crypto.h"

#include <stdbool.h>

/** The text of tokens, "rf_ACCOUNTID.SECRET": the prefix lets scanners of
 *  leaked secrets know it, SECRET is 64 lower-case hex digits. Pure but for
 *  the random bytes. */

void token_make(char out[TOKEN_SIZE], const char *account_id);
/** The account that the token names; false for anything that is no token of
 *  ours, so that it reaches no key. */
bool token_account(char out_id[ID_SIZE], const char *token);
/** SHA-256 of the whole token, in hex: all that is kept of it. A fast hash is
 *  enough, since nobody guesses 256 random bits. */
void token_hash(char out[2 * SHA256_BYTES + 1], const char *token);

#endif
