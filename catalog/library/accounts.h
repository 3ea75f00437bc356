/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_ACCOUNTS_H
#define REFRAIN_CATALOG_LIBRARY_ACCOUNTS_H

#include "catalog/id.h"
#include "catalog/redis/redis.h"
#include "catalog/vault/keyring.h"
#include "matcher/status.h"

#include <stdint.h>

/** Accounts: e-mail address, password, subscription, quota, wrapped key.
 *  Times are milliseconds since 1970, UTC. */

enum {
    EMAIL_SIZE = 255,
    REGION_SIZE = 33,
    PASSWORD_MIN = 8,
    PASSWORD_MAX = 256
};

struct account {
    char id[ID_SIZE];
    char email[EMAIL_SIZE];
    char region[REGION_SIZE];
    int64_t created_ms;
    int64_t trial_until_ms;
    int64_t granted_until_ms; /* 0: never granted */
    uint64_t used_bytes;      /* logical bytes of own audio */
    uint64_t limit_bytes;
    uint64_t track_count;
    uint64_t version; /* of the library: counts its changes */
    uint8_t wrapped_key[WRAPPED_KEY_BYTES];
};

enum subscription {
    SUBSCRIPTION_TRIAL,
    SUBSCRIPTION_ACTIVE,
    SUBSCRIPTION_GRACE,
    SUBSCRIPTION_LAPSED
};

struct account_new {
    const char *email;
    const char *password;
    const char *region;
    uint32_t trial_days;
    uint64_t limit_bytes;
};

/** Makes an account with a new key. Slow (password hash): off the event loop.
 *  STATUS_INVALID "bad_email", "bad_password" (length), "bad_region" (not in
 *  the keyring) · STATUS_CONFLICT "email_taken". After STATUS_UNAVAILABLE the
 *  account may exist; then another try says "email_taken", and the password
 *  signs in. */
MUST_USE enum status account_create(struct redis *redis,
                                    const struct keyring *keyring,
                                    const struct account_new *wanted,
                                    char out_id[ID_SIZE], struct error *err);
/** Checks a password. Slow; as slow for an unknown address as for a known one.
 *  STATUS_DENIED "invalid_grant": the same words for both. */
MUST_USE enum status account_authenticate(struct redis *redis,
                                          const char *email,
                                          const char *password,
                                          char out_id[ID_SIZE],
                                          struct error *err);
/** STATUS_NOT_FOUND "no_account" · STATUS_CORRUPT "account_key". */
MUST_USE enum status account_read(struct redis *redis, const char *account_id,
                                  struct account *out, struct error *err);
/** STATUS_NOT_FOUND "no_account". */
MUST_USE enum status account_find(struct redis *redis, const char *email,
                                  char out_id[ID_SIZE], struct error *err);
/** The ids of all accounts, in order, each once; free() them. Every account
 *  that was there at the call is among them; some may be of none. 65 bytes each
 *  are in memory. STATUS_NO_MEMORY. */
MUST_USE enum status accounts_list(struct redis *redis, char (**out)[ID_SIZE],
                                   size_t *count, struct error *err);
/** Sets the end of the granted subscription, of a lapsed account too.
 *  STATUS_NOT_FOUND "no_account". */
MUST_USE enum status account_grant(struct redis *redis, const char *account_id,
                                   int64_t until_ms, struct error *err);
/** Pure: what an account may do at `now_ms`, and until when (*until_ms).
 *  Granted goes before trial; after the later end come grace_days; for a
 *  lapsed account *until_ms is when it lapsed. */
enum subscription account_subscription(const struct account *account,
                                       int64_t now_ms, uint32_t grace_days,
                                       int64_t *until_ms);

#endif
