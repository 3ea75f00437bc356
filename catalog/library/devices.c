/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/devices.h"

#include "catalog/library/scripts.h"
#include "catalog/library/token.h"
#include "catalog/redis/keys.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    /* Every note of "last seen" waits for the disk. */
    LAST_SEEN_MS = 60 * 1000,
    /* An access token lives an hour; a player that refreshes at every start
     * keeps its last few, requests under way go on with them. */
    ACCESS_TOKENS_MAX = 8,
    /* Old refresh tokens that are still recognised as used: a player that
     * refreshes every hour is watched over more than a day. */
    USED_TOKENS_MAX = 32,
    /* "CREATED|LAST_SEEN|NAME", "DEVICE|KIND|EXPIRY" */
    RECORD_SIZE = 2 * 21 + DEVICE_NAME_SIZE,
    TOKEN_RECORD_SIZE = ID_SIZE + 32,
    HASH_SIZE = 2 * SHA256_BYTES + 1,
};

static enum status invalid_grant(struct error *err)
{
    return error_set(err, STATUS_DENIED, "invalid_grant",
                     "this refresh token is not (or no longer) valid: sign in "
                     "again");
}

static enum status invalid_token(struct error *err)
{
    return error_set(err, STATUS_DENIED, "invalid_token",
                     "this access token is not (or no longer) valid: refresh "
                     "it, or sign in again");
}

static enum status no_device(struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "no_device",
                     "no such device is signed in: list the devices");
}

static int64_t access_expiry(int64_t now_ms)
{
    return now_ms + ACCESS_TOKEN_S * INT64_C(1000);
}

static int64_t refresh_expiry(int64_t now_ms)
{
    return now_ms + REFRESH_TOKEN_S * INT64_C(1000);
}

/* Printable, and neither empty nor too long. */
static bool name_valid(const char *name)
{
    size_t length = strnlen(name, DEVICE_NAME_SIZE);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f) {
            return false;
        }
    }
    return length > 0 && length < DEVICE_NAME_SIZE;
}

static void token_record(char out[TOKEN_RECORD_SIZE], const char *device_id,
                         const char *kind, int64_t expiry_ms)
{
    (void)snprintf(out, TOKEN_RECORD_SIZE, "%s|%s|%" PRId64, device_id, kind,
                   expiry_ms);
}

static enum status sign_in(struct redis *redis, const char *account_id,
                           const char *name, int64_t now_ms,
                           const struct device_tokens *tokens,
                           struct redis_reply **reply, struct error *err)
{
    struct redis_number now;
    struct redis_number most;
    char device[RECORD_SIZE];
    char access_hash[HASH_SIZE];
    char refresh_hash[HASH_SIZE];
    char access[TOKEN_RECORD_SIZE];
    char refresh[TOKEN_RECORD_SIZE];
    (void)snprintf(device, sizeof device, "%" PRId64 "|%" PRId64 "|%s", now_ms,
                   now_ms, name);
    token_hash(access_hash, tokens->access);
    token_hash(refresh_hash, tokens->refresh);
    token_record(access, tokens->device_id, "access", access_expiry(now_ms));
    token_record(refresh, tokens->device_id, "refresh", refresh_expiry(now_ms));
    struct key account = key_of_account(KEY_ACCOUNT, account_id, "");
    struct key devices = key_of_account(KEY_DEVICES, account_id, "");
    struct key hashes = key_of_account(KEY_TOKENS, account_id, "");
    const struct redis_arg keys[] = {redis_text(account.text),
                                     redis_text(devices.text),
                                     redis_text(hashes.text)};
    const struct redis_arg args[] = {
        redis_integer(&now, now_ms), redis_text(tokens->device_id),
        redis_text(device),          redis_integer(&most, DEVICES_MAX),
        redis_text(access_hash),     redis_text(access),
        redis_text(refresh_hash),    redis_text(refresh),
    };
    return redis_script_run(redis, reply, &script_device_sign_in, keys, 3, args,
                            sizeof args / sizeof *args, err);
}

enum status device_sign_in(struct redis *redis, const char *account_id,
                           const char *name, int64_t now_ms,
                           struct device_tokens *out, struct error *err)
{
    if (!name_valid(name)) {
        return error_set(err, STATUS_INVALID, "bad_device_name",
                         "a device's name has 1 to %d bytes and no control "
                         "characters: choose another",
                         DEVICE_NAME_SIZE - 1);
    }
    struct redis_reply *reply = NULL;
    *out = (struct device_tokens){0};
    id_random(out->device_id, "dev");
    token_make(out->access, account_id);
    token_make(out->refresh, account_id);
    enum status status =
        sign_in(redis, account_id, name, now_ms, out, &reply, err);
    if (status == STATUS_OK && script_refused(reply, "device_limit")) {
        status = error_set(err, STATUS_CONFLICT, "device_limit",
                           "%d devices are signed in, which is the most: "
                           "remove one first",
                           DEVICES_MAX);
    }
    if (status == STATUS_OK && script_refused(reply, "no_account")) {
        status = error_set(err, STATUS_NOT_FOUND, "no_account",
                           "the account is gone: sign up again");
    }
    if (status != STATUS_OK) {
        crypto_wipe(out, sizeof *out);
    }
    redis_reply_free(reply);
    return status;
}

static enum status refresh(struct redis *redis, const char *account_id,
                           const char *given, int64_t now_ms,
                           const struct device_tokens *tokens,
                           struct redis_reply **reply, struct error *err)
{
    struct redis_number numbers[5];
    char given_hash[HASH_SIZE];
    char access_hash[HASH_SIZE];
    char refresh_hash[HASH_SIZE];
    token_hash(given_hash, given);
    token_hash(access_hash, tokens->access);
    token_hash(refresh_hash, tokens->refresh);
    struct key devices = key_of_account(KEY_DEVICES, account_id, "");
    struct key hashes = key_of_account(KEY_TOKENS, account_id, "");
    const struct redis_arg keys[] = {redis_text(devices.text),
                                     redis_text(hashes.text)};
    const struct redis_arg args[] = {
        redis_integer(&numbers[0], now_ms),
        redis_text(given_hash),
        redis_text(access_hash),
        redis_integer(&numbers[1], access_expiry(now_ms)),
        redis_text(refresh_hash),
        redis_integer(&numbers[2], refresh_expiry(now_ms)),
        redis_integer(&numbers[3], ACCESS_TOKENS_MAX),
        redis_integer(&numbers[4], USED_TOKENS_MAX),
    };
    return redis_script_run(redis, reply, &script_device_refresh, keys, 2, args,
                            sizeof args / sizeof *args, err);
}

enum status device_refresh(struct redis *redis, const char *refresh_token,
                           int64_t now_ms, struct device_tokens *out,
                           struct error *err)
{
    char account_id[ID_SIZE];
    if (!token_account(account_id, refresh_token)) {
        *out = (struct device_tokens){0};
        return invalid_grant(err);
    }
    /* Aside, since refresh_token may lie in *out. */
    struct device_tokens fresh = {0};
    struct redis_reply *reply = NULL;
    token_make(fresh.access, account_id);
    token_make(fresh.refresh, account_id);
    enum status status =
        refresh(redis, account_id, refresh_token, now_ms, &fresh, &reply, err);
    if (status == STATUS_OK && script_refused(reply, "invalid_grant")) {
        status = invalid_grant(err);
    }
    *out = (struct device_tokens){0};
    if (status == STATUS_OK) {
        (void)redis_reply_copy(fresh.device_id, sizeof fresh.device_id, reply);
        *out = fresh;
    }
    crypto_wipe(&fresh, sizeof fresh);
    redis_reply_free(reply);
    return status;
}

enum status device_authenticate(struct redis *redis, const char *access_token,
                                int64_t now_ms, struct principal *out,
                                struct error *err)
{
    *out = (struct principal){0};
    if (!token_account(out->account_id, access_token)) {
        return invalid_token(err);
    }
    struct redis_number now;
    struct redis_number stale;
    struct redis_reply *reply = NULL;
    char hash[HASH_SIZE];
    token_hash(hash, access_token);
    struct key devices = key_of_account(KEY_DEVICES, out->account_id, "");
    struct key hashes = key_of_account(KEY_TOKENS, out->account_id, "");
    const struct redis_arg keys[] = {redis_text(devices.text),
                                     redis_text(hashes.text)};
    const struct redis_arg args[] = {redis_integer(&now, now_ms),
                                     redis_text(hash),
                                     redis_integer(&stale, LAST_SEEN_MS)};
    enum status status = redis_script_run(
        redis, &reply, &script_device_authenticate, keys, 2, args, 3, err);
    if (status == STATUS_OK && script_refused(reply, "invalid_token")) {
        status = invalid_token(err);
    }
    if (status == STATUS_OK) {
        (void)redis_reply_copy(out->device_id, sizeof out->device_id, reply);
    } else {
        *out = (struct principal){0};
    }
    redis_reply_free(reply);
    return status;
}

/* Reads "CREATED|LAST_SEEN|NAME"; false for anything else. */
static bool device_decode(struct device *out, const struct redis_reply *id,
                          const struct redis_reply *record)
{
    char text[RECORD_SIZE];
    char *end = NULL;
    *out = (struct device){0};
    bool whole = redis_reply_copy(out->id, sizeof out->id, id) &&
                 redis_reply_copy(text, sizeof text, record);
    errno = 0;
    out->created_ms = strtoll(text, &end, 10);
    if (!whole || errno != 0 || *end != '|') {
        return false;
    }
    out->last_seen_ms = strtoll(end + 1, &end, 10);
    if (errno != 0 || *end != '|') {
        return false;
    }
    (void)snprintf(out->name, sizeof out->name, "%s", end + 1);
    return true;
}

static int older_first(const void *a, const void *b)
{
    const struct device *left = a;
    const struct device *right = b;
    if (left->created_ms != right->created_ms) {
        return left->created_ms < right->created_ms ? -1 : 1;
    }
    return strcmp(left->id, right->id);
}

enum status device_list(struct redis *redis, const char *account_id,
                        struct device **out, size_t *count, struct error *err)
{
    *out = NULL;
    *count = 0;
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_DEVICES, account_id, "");
    const struct redis_arg args[] = {redis_text("HGETALL"),
                                     redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    if (status != STATUS_OK) {
        return status;
    }
    size_t length = redis_reply_count(reply);
    struct device *devices = calloc(length / 2 + 1, sizeof *devices);
    if (devices == NULL) {
        redis_reply_free(reply);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the list of devices: try again");
    }
    for (size_t i = 0; i + 1 < length; i += 2) {
        if (device_decode(&devices[*count], redis_reply_at(reply, i),
                          redis_reply_at(reply, i + 1))) {
            (*count)++;
        }
    }
    qsort(devices, *count, sizeof *devices, older_first);
    redis_reply_free(reply);
    *out = devices;
    return STATUS_OK;
}

enum status device_remove(struct redis *redis, const char *account_id,
                          const char *device_id, struct error *err)
{
    if (!id_valid(device_id)) {
        return no_device(err);
    }
    struct redis_reply *reply = NULL;
    struct key devices = key_of_account(KEY_DEVICES, account_id, "");
    struct key hashes = key_of_account(KEY_TOKENS, account_id, "");
    const struct redis_arg keys[] = {redis_text(devices.text),
                                     redis_text(hashes.text)};
    const struct redis_arg args[] = {redis_text(device_id)};
    enum status status = redis_script_run(redis, &reply, &script_device_remove,
                                          keys, 2, args, 1, err);
    if (status == STATUS_OK && script_refused(reply, "no_device")) {
        status = no_device(err);
    }
    redis_reply_free(reply);
    return status;
}
