/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_DEVICES_H
#define REFRAIN_CATALOG_LIBRARY_DEVICES_H

#include "catalog/id.h"
#include "catalog/redis/redis.h"
#include "matcher/status.h"

#include <stdint.h>

/** Signed-in players. A token is "rf_ACCOUNTID.SECRET" (256 random bits): the
 *  account id in it finds the account's keys; only SHA-256 of the whole is
 *  kept. Access tokens live an hour, refresh tokens 90 days and change at each
 *  use; the second use of an old refresh token ends the device's tokens. */

enum {
    DEVICES_MAX = 10,
    DEVICE_NAME_SIZE = 129,
    TOKEN_SIZE = 160,
    ACCESS_TOKEN_S = 3600,
    REFRESH_TOKEN_S = 90 * 24 * 3600,
};

struct device {
    char id[ID_SIZE];
    char name[DEVICE_NAME_SIZE];
    int64_t created_ms;
    int64_t last_seen_ms;
};
struct device_tokens {
    char access[TOKEN_SIZE];
    char refresh[TOKEN_SIZE];
    char device_id[ID_SIZE];
};
/** Who a valid access token speaks for. */
struct principal {
    char account_id[ID_SIZE];
    char device_id[ID_SIZE];
};

/** A new device. One whose refresh token has expired takes no place any more.
 *  name  as shown to the subscriber: 1..128 bytes without control characters
 *  STATUS_INVALID "bad_device_name" · STATUS_NOT_FOUND "no_account" ·
 *  STATUS_CONFLICT "device_limit": DEVICES_MAX are signed in. */
MUST_USE enum status device_sign_in(struct redis *redis, const char *account_id,
                                    const char *name, int64_t now_ms,
                                    struct device_tokens *out,
                                    struct error *err);
/** New tokens for a device; the refresh token given is used up, access tokens
 *  live on until they expire. Used a second time, it signs the device out:
 *  one of two holders should not have it.
 *  STATUS_DENIED "invalid_grant": unknown, expired, used, malformed. */
MUST_USE enum status device_refresh(struct redis *redis,
                                    const char *refresh_token, int64_t now_ms,
                                    struct device_tokens *out,
                                    struct error *err);
/** Fast: one command; notes "last seen" at most once a minute.
 *  STATUS_DENIED "invalid_token": unknown, expired, removed, malformed. */
MUST_USE enum status device_authenticate(struct redis *redis,
                                         const char *access_token,
                                         int64_t now_ms, struct principal *out,
                                         struct error *err);
/** *out: *count devices, oldest first; free() it. */
MUST_USE enum status device_list(struct redis *redis, const char *account_id,
                                 struct device **out, size_t *count,
                                 struct error *err);
/** Its tokens end in the same step. STATUS_NOT_FOUND "no_device". */
MUST_USE enum status device_remove(struct redis *redis, const char *account_id,
                                   const char *device_id, struct error *err);

#endif
