/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/accounts.h"

#include "catalog/library/email.h"
#include "catalog/library/password.h"
#include "catalog/library/record.h"
#include "catalog/library/scripts.h"
#include "catalog/redis/keys.h"

#include <stdio.h>
#include <time.h>

/* The id under which an unknown address is looked up, so that it costs as many
 * round trips as a known one. No account has it: ids of ours are longer. */
static const char NOBODY[] = "acc_none";

static int64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status no_account(struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "no_account",
                     "there is no such account: check the address or id");
}

static enum status validate(const struct keyring *keyring,
                            const struct account_new *wanted, struct error *err)
{
    if (!email_valid(wanted->email)) {
        return error_set(err, STATUS_INVALID, "bad_email",
                         "this is no e-mail address: give one with one @, no "
                         "blanks, and at most %d bytes",
                         EMAIL_SIZE - 1);
    }
    size_t length = strnlen(wanted->password, PASSWORD_MAX + 1);
    if (length < PASSWORD_MIN || length > PASSWORD_MAX) {
        return error_set(err, STATUS_INVALID, "bad_password",
                         "a password has %d to %d bytes: choose another",
                         PASSWORD_MIN, PASSWORD_MAX);
    }
    uint8_t version = 0;
    if (strnlen(wanted->region, REGION_SIZE) == REGION_SIZE ||
        keyring_region_secret(keyring, wanted->region, &version) == NULL) {
        return error_set(err, STATUS_INVALID, "bad_region",
                         "this service holds no keys for the region \"%.32s\": "
                         "choose one that it serves",
                         wanted->region);
    }
    return STATUS_OK;
}

/* Does an account with this id exist? */
static enum status exists(struct redis *redis, const char *account_id,
                          bool *found, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_ACCOUNT, account_id, "");
    const struct redis_arg args[] = {redis_text("EXISTS"),
                                     redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    *found = status == STATUS_OK && redis_reply_integer(reply, 0) == 1;
    redis_reply_free(reply);
    return status;
}

/* Before the account is written: whoever looks after all that accounts own
 * finds every account that is there by this set. */
static enum status note_account(struct redis *redis, const char *command,
                                const char *account_id, struct error *err)
{
    struct key key = key_accounts();
    const struct redis_arg args[] = {redis_text(command), redis_text(key.text),
                                     redis_text(account_id)};
    return redis_call(redis, NULL, args, 3, err);
}

/* Writes an account that no address leads to yet. */
static enum status write_account(struct redis *redis, const char *account_id,
                                 const struct account_new *wanted,
                                 const char *hash, const uint8_t *wrapped,
                                 struct error *err)
{
    struct record record = {0};
    char wrapped_hex[2 * WRAPPED_KEY_BYTES + 1];
    int64_t now_ms = clock_ms();
    hex_encode(wrapped_hex, wrapped, WRAPPED_KEY_BYTES);
    record_add_integer(&record, "v", RECORD_VERSION);
    record_add_text(&record, "email", wanted->email);
    record_add_text(&record, "password", hash);
    record_add_text(&record, "region", wanted->region);
    record_add_integer(&record, "created_ms", now_ms);
    record_add_integer(&record, "trial_until_ms",
                       now_ms + (int64_t)wanted->trial_days * 86400000);
    record_add_size(&record, "limit_bytes", wanted->limit_bytes);
    record_add_text(&record, "wrapped_key", wrapped_hex);

    struct key key = key_of_account(KEY_ACCOUNT, account_id, "");
    struct redis_arg args[2 + 2 * RECORD_FIELDS_MAX] = {redis_text("HSET"),
                                                        redis_text(key.text)};
    size_t count = record_args(&record, args + 2);
    return redis_call(redis, NULL, args, 2 + count, err);
}

/* Gives the address to the account, unless a living account has it; `holder`
 * is who has it then. */
static enum status claim_email(struct redis *redis, const char *email,
                               const char *account_id, char holder[ID_SIZE],
                               struct error *err)
{
    char hash[2 * SHA256_BYTES + 1];
    email_hash(hash, email);
    struct key key = key_email(hash);
    const struct redis_arg keys[] = {redis_text(key.text)};
    char gone[ID_SIZE] = "";
    /* Twice: a holder that is gone is replaced, and whoever was quicker at
     * that is a living one. */
    for (int attempt = 0; attempt < 2; attempt++) {
        struct redis_reply *reply = NULL;
        const struct redis_arg args[] = {redis_text(account_id),
                                         redis_text(gone)};
        enum status status = redis_script_run(
            redis, &reply, &script_email_claim, keys, 1, args, 2, err);
        (void)redis_reply_copy(holder, ID_SIZE, reply);
        redis_reply_free(reply);
        bool alive = false;
        if (status == STATUS_OK && strcmp(holder, account_id) != 0) {
            status = exists(redis, holder, &alive, err);
        }
        if (status != STATUS_OK || alive || strcmp(holder, account_id) == 0) {
            return status;
        }
        memcpy(gone, holder, ID_SIZE);
    }
    return STATUS_OK;
}

static void forget_account(struct redis *redis, const char *account_id)
{
    struct key key = key_of_account(KEY_ACCOUNT, account_id, "");
    const struct redis_arg args[] = {redis_text("DEL"), redis_text(key.text)};
    /* What stays after a failure leads nowhere: no address names it. */
    enum status status = redis_call(redis, NULL, args, 2, NULL);
    if (status == STATUS_OK) {
        status = note_account(redis, "SREM", account_id, NULL);
    }
    (void)status;
}

/* The account is written before its address is claimed: so an address names
 * either a whole account or one that is gone for good and may be replaced.
 * The other way round, a slow sign-up and a crashed one look the same. */
enum status account_create(struct redis *redis, const struct keyring *keyring,
                           const struct account_new *wanted,
                           char out_id[ID_SIZE], struct error *err)
{
    enum status status = validate(keyring, wanted, err);
    if (status != STATUS_OK) {
        return status;
    }
    char hash[PASSWORD_HASH_SIZE];
    char holder[ID_SIZE] = "";
    struct account_key_pair pair;
    status = password_hash(hash, wanted->password, err);
    if (status != STATUS_OK) {
        return status;
    }
    id_random(out_id, "acc");
    keyring_new_account_key(keyring, &pair);
    crypto_wipe(pair.key, sizeof pair.key);
    status = note_account(redis, "SADD", out_id, err);
    if (status == STATUS_OK) {
        status = write_account(redis, out_id, wanted, hash, pair.wrapped, err);
    }
    if (status == STATUS_OK) {
        status = claim_email(redis, wanted->email, out_id, holder, err);
    }
    if (status == STATUS_OK && strcmp(holder, out_id) != 0) {
        forget_account(redis, out_id);
        status = error_set(err, STATUS_CONFLICT, "email_taken",
                           "there is an account with this address already: "
                           "sign in to it, or use another address");
    }
    return status;
}

/* "" when no account has the address. */
static enum status look_up(struct redis *redis, const char *email,
                           char out_id[ID_SIZE], struct error *err)
{
    char hash[2 * SHA256_BYTES + 1];
    email_hash(hash, email);
    struct redis_reply *reply = NULL;
    struct key key = key_email(hash);
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    (void)redis_reply_copy(out_id, ID_SIZE, reply);
    redis_reply_free(reply);
    return status;
}

/* The password hash of an address, "" when no account has it; the same two
 * commands for both. */
static enum status stored_hash(struct redis *redis, const char *email,
                               char out_id[ID_SIZE],
                               char hash[PASSWORD_HASH_SIZE], struct error *err)
{
    enum status status = look_up(redis, email, out_id, err);
    if (status != STATUS_OK) {
        return status;
    }
    struct redis_reply *reply = NULL;
    const char *id = out_id[0] == '\0' ? NOBODY : out_id;
    struct key key = key_of_account(KEY_ACCOUNT, id, "");
    const struct redis_arg args[] = {redis_text("HGET"), redis_text(key.text),
                                     redis_text("password")};
    status = redis_call(redis, &reply, args, 3, err);
    (void)redis_reply_copy(hash, PASSWORD_HASH_SIZE, reply);
    redis_reply_free(reply);
    return status;
}

enum status account_authenticate(struct redis *redis, const char *email,
                                 const char *password, char out_id[ID_SIZE],
                                 struct error *err)
{
    bool right = false;
    /* What can be no account's is refused at once: that tells nothing. */
    bool possible = email_valid(email) &&
                    strnlen(password, PASSWORD_MAX + 1) <= PASSWORD_MAX;
    if (possible) {
        char hash[PASSWORD_HASH_SIZE] = "";
        enum status status = stored_hash(redis, email, out_id, hash, err);
        if (status == STATUS_OK) {
            status = password_verify(&right, password, hash, err);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    if (!right) {
        out_id[0] = '\0';
        return error_set(err, STATUS_DENIED, "invalid_grant",
                         "address or password is wrong: check both");
    }
    return STATUS_OK;
}

enum status account_find(struct redis *redis, const char *email,
                         char out_id[ID_SIZE], struct error *err)
{
    bool found = false;
    out_id[0] = '\0';
    enum status status =
        email_valid(email) ? look_up(redis, email, out_id, err) : STATUS_OK;
    if (status == STATUS_OK && out_id[0] != '\0') {
        status = exists(redis, out_id, &found, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return found ? STATUS_OK : no_account(err);
}

static enum status decode(struct account *out, const char *account_id,
                          const struct record *record, struct error *err)
{
    *out = (struct account){0};
    (void)snprintf(out->id, sizeof out->id, "%s", account_id);
    record_copy(out->email, sizeof out->email, record, "email");
    record_copy(out->region, sizeof out->region, record, "region");
    out->created_ms = record_integer(record, "created_ms");
    out->trial_until_ms = record_integer(record, "trial_until_ms");
    out->granted_until_ms = record_integer(record, "granted_until_ms");
    out->used_bytes = record_size(record, "used_bytes");
    out->limit_bytes = record_size(record, "limit_bytes");
    out->track_count = record_size(record, "track_count");
    out->version = record_size(record, "version");
    if (!hex_decode(out->wrapped_key, sizeof out->wrapped_key,
                    record_text(record, "wrapped_key"))) {
        return error_set(err, STATUS_CORRUPT, "account_key",
                         "account %s: its stored key is damaged; restore it "
                         "from a backup",
                         account_id);
    }
    return STATUS_OK;
}

enum status account_read(struct redis *redis, const char *account_id,
                         struct account *out, struct error *err)
{
    if (!id_valid(account_id)) {
        return no_account(err);
    }
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_ACCOUNT, account_id, "");
    const struct redis_arg args[] = {redis_text("HGETALL"),
                                     redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    if (status == STATUS_OK && redis_reply_count(reply) == 0) {
        status = no_account(err);
    }
    if (status == STATUS_OK) {
        struct record record = {0};
        record_of_reply(&record, reply);
        status = decode(out, account_id, &record, err);
    }
    redis_reply_free(reply);
    return status;
}

enum status account_grant(struct redis *redis, const char *account_id,
                          int64_t until_ms, struct error *err)
{
    if (!id_valid(account_id)) {
        return no_account(err);
    }
    struct redis_reply *reply = NULL;
    struct redis_number until;
    struct key key = key_of_account(KEY_ACCOUNT, account_id, "");
    const struct redis_arg keys[] = {redis_text(key.text)};
    const struct redis_arg args[] = {redis_integer(&until, until_ms),
                                     redis_text(account_id),
                                     redis_text(key_changed_channel())};
    enum status status = redis_script_run(redis, &reply, &script_account_grant,
                                          keys, 1, args, 3, err);
    if (status == STATUS_OK && script_refused(reply, "no_account")) {
        status = no_account(err);
    }
    redis_reply_free(reply);
    return status;
}
