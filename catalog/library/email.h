/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_EMAIL_H
#define REFRAIN_CATALOG_LIBRARY_EMAIL_H

#include "catalog/library/accounts.h"

#include <stdbool.h>

/** Addresses as names of accounts. Pure. */

/** One "@" with something on both sides, no blanks or control characters, at
 *  most 254 bytes (RFC 5321 §4.5.3.1.3 less the angle brackets). Whether mail
 *  arrives there only a mail can tell. */
bool email_valid(const char *email);

/** SHA-256, in hex, of the address with ASCII letters in lower case: two
 *  spellings of one address are one account, and the names of keys tell no
 *  address. (RFC 5321 lets the part before "@" be case-sensitive; nobody's
 *  mailbox is.) */
void email_hash(char out[2 * SHA256_BYTES + 1], const char *email);

#endif
