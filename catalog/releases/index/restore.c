/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index.h"

#include "catalog/redis/keys.h"
#include "matcher/fingerprint.h"

static enum status is_there(struct redis *redis, struct key key, bool *yes,
                            struct error *err)
{
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {redis_text("EXISTS"),
                                     redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    *yes = redis_reply_integer(reply, 0) > 0;
    redis_reply_free(reply);
    return status;
}

static enum status last_number(struct redis *redis, uint32_t *out,
                               struct error *err)
{
    struct key key = key_numbers();
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    int64_t last = redis_reply_integer(reply, 0);
    *out = last > 0 && last <= UINT32_MAX ? (uint32_t)last : 0;
    redis_reply_free(reply);
    return status;
}

/* A number without a fingerprint was never finished, or taken down. */
static enum status file_again(struct redis *redis, uint32_t number,
                              size_t *filed, struct error *err)
{
    struct key key = key_reference(number);
    struct redis_reply *reply = NULL;
    struct fingerprint print = {0};
    struct terms terms = {0};
    size_t length = 0;
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    const char *bytes = redis_reply_bytes(reply, &length);
    if (status != STATUS_OK || bytes == NULL) {
        goto out;
    }
    status = fingerprint_unpack(&print, bytes, length, err);
    if (status == STATUS_OK) {
        status = terms_for_index(&terms, &print, err);
    }
    if (status == STATUS_OK) {
        status = index_add(redis, number, &terms, err);
    }
    if (status == STATUS_OK) {
        (*filed)++;
    } else {
        error_context(err, "recording %u", (unsigned)number);
    }
out:
    terms_clear(&terms);
    fingerprint_clear(&print);
    redis_reply_free(reply);
    return status;
}

static enum status file_all_again(struct redis *redis, size_t *filed,
                                  struct error *err)
{
    uint32_t last = 0;
    struct key key = key_index_restoring();
    const struct redis_arg begin[] = {redis_text("SET"), redis_text(key.text),
                                      redis_text("1")};
    const struct redis_arg end[] = {redis_text("UNLINK"), redis_text(key.text)};
    enum status status = last_number(redis, &last, err);
    if (status == STATUS_OK && last > 0) {
        status = redis_call(redis, NULL, begin, 3, err);
    }
    for (uint32_t i = 0; i < last && status == STATUS_OK; i++) {
        status = file_again(redis, i + 1, filed, err);
    }
    if (status == STATUS_OK && last > 0) {
        status = redis_call(redis, NULL, end, 2, err);
    }
    return status;
}

enum status index_restore(struct redis *redis, size_t *filed, struct error *err)
{
    bool has_log = false;
    bool has_versions = false;
    bool was_begun = false;
    *filed = 0;
    enum status status = is_there(redis, key_index_log(), &has_log, err);
    if (status == STATUS_OK) {
        status = is_there(redis, key_index_versions(), &has_versions, err);
    }
    if (status == STATUS_OK) {
        status = is_there(redis, key_index_restoring(), &was_begun, err);
    }
    if (status != STATUS_OK || ((has_log || has_versions) && !was_begun)) {
        return status;
    }
    return file_all_again(redis, filed, err);
}
