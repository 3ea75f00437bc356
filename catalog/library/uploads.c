/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/uploads.h"

#include "catalog/library/entry_record.h"
#include "catalog/library/scripts.h"
#include "catalog/library/unmatched.h"
#include "catalog/redis/keys.h"
#include "catalog/vault/crypto.h"

#include <assert.h>
#include <stdio.h>

enum {
    IDEMPOTENCY_KEPT_S = 7 * 24 * 3600,
    FINISHED_KEPT_S = 30 * 24 * 3600,
    /* A key changes hands at most when an upload ends in an error and another
     * client is quicker; three rounds mean that this happened twice. */
    CREATE_ROUNDS_MAX = 3,
    HASH_SIZE = 2 * SHA256_BYTES + 1,
};

static enum status no_upload(struct error *err)
{
    return error_set(err, STATUS_NOT_FOUND, "no_upload",
                     "there is no such upload (finished ones are kept 30 "
                     "days): look into the library, or send the file again");
}

/* ---- reading ---- */

static enum status decode_upload(struct upload *out, const char *account_id,
                                 const char *upload_id,
                                 const struct redis_reply *reply,
                                 struct error *err)
{
    struct record record = {0};
    record_of_reply(&record, reply);
    if (record.field_count == 0) {
        return no_upload(err);
    }
    upload_record_read(out, account_id, upload_id, &record);
    return STATUS_OK;
}

enum status upload_read(struct redis *redis, const char *account_id,
                        const char *upload_id, struct upload *out,
                        struct error *err)
{
    if (!id_valid(upload_id)) {
        return no_upload(err);
    }
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_UPLOAD, account_id, upload_id);
    const struct redis_arg args[] = {redis_text("HGETALL"),
                                     redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    if (status == STATUS_OK) {
        status = decode_upload(out, account_id, upload_id, reply, err);
    }
    redis_reply_free(reply);
    return status;
}

enum status upload_find_content(struct redis *redis, const char *account_id,
                                const char *content_id,
                                char out_track_id[ID_SIZE], struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key key = key_of_account(KEY_CONTENTS, account_id, "");
    const struct redis_arg args[] = {redis_text("HGET"), redis_text(key.text),
                                     redis_text(content_id)};
    enum status status = redis_call(redis, &reply, args, 3, err);
    (void)redis_reply_copy(out_track_id, ID_SIZE, reply);
    redis_reply_free(reply);
    return status;
}

/* ---- creating ---- */

/* Writes the record unless the idempotency key is another upload's; `holder`
 * is the upload that it names then. `idempotency` NULL: the client gave none;
 * `replaced`: an upload from which the key may be taken, or "". */
static enum status create(struct redis *redis, const struct upload *wanted,
                          const struct key *idempotency, const char *replaced,
                          char holder[ID_SIZE], struct error *err)
{
    struct record record = {0};
    struct redis_number kept;
    struct redis_reply *reply = NULL;
    struct key upload =
        key_of_account(KEY_UPLOAD, wanted->account_id, wanted->id);
    struct redis_arg keys[2] = {redis_text(upload.text)};
    size_t key_count = 1;
    if (idempotency != NULL) {
        keys[key_count++] = redis_text(idempotency->text);
    }
    struct redis_arg args[3 + 2 * RECORD_FIELDS_MAX] = {
        redis_text(wanted->id),
        redis_text(replaced),
        redis_integer(&kept, IDEMPOTENCY_KEPT_S),
    };
    upload_record_write(&record, wanted);
    size_t arg_count = 3 + record_args(&record, args + 3);
    enum status status =
        redis_script_run(redis, &reply, &script_upload_create, keys, key_count,
                         args, arg_count, err);
    (void)redis_reply_copy(holder, ID_SIZE, reply);
    redis_reply_free(reply);
    return status;
}

/* Looks at the upload that has the client's key: *known when it answers this
 * request too. One that is gone, or that failed by our fault, does not stand in
 * the way of another try. */
static enum status answer_with(struct redis *redis, const struct upload *wanted,
                               const char *holder, struct upload *out,
                               bool *known, struct error *err)
{
    struct upload held = {0};
    enum status status =
        upload_read(redis, wanted->account_id, holder, &held, err);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status == STATUS_OK && held.size_bytes != wanted->size_bytes) {
        return error_set(err, STATUS_CONFLICT, "idempotency_mismatch",
                         "this Idempotency-Key came with another file before: "
                         "use a new one for each file");
    }
    *known = status == STATUS_OK && held.status != UPLOAD_ERROR;
    if (*known) {
        *out = held;
    }
    return status;
}

static struct key idempotency_name(const char *account_id, const char *text)
{
    uint8_t hash[SHA256_BYTES];
    char hex[HASH_SIZE];
    crypto_sha256(hash, text, strlen(text));
    hex_encode(hex, hash, sizeof hash);
    return key_of_account(KEY_IDEMPOTENCY, account_id, hex);
}

enum status upload_create(struct redis *redis, const struct upload *wanted,
                          const char *idempotency_key, struct upload *out,
                          bool *known, struct error *err)
{
    char replaced[ID_SIZE] = "";
    char holder[ID_SIZE] = "";
    struct key name;
    const struct key *idempotency = NULL;
    *known = false;
    if (idempotency_key != NULL) {
        name = idempotency_name(wanted->account_id, idempotency_key);
        idempotency = &name;
    }
    for (int round = 0; round < CREATE_ROUNDS_MAX; round++) {
        enum status status =
            create(redis, wanted, idempotency, replaced, holder, err);
        if (status != STATUS_OK) {
            return status;
        }
        if (strcmp(holder, wanted->id) == 0) {
            *out = *wanted;
            out->status = UPLOAD_WAITING;
            return STATUS_OK;
        }
        status = answer_with(redis, wanted, holder, out, known, err);
        if (status != STATUS_OK || *known) {
            return status;
        }
        memcpy(replaced, holder, ID_SIZE);
    }
    return error_set(err, STATUS_UNAVAILABLE, "busy",
                     "the same file is being sent several times at once: try "
                     "again in a moment");
}

/* ---- finishing ---- */

/* Ends an upload that brings no entry. */
static enum status close_upload(struct redis *redis, const char *account_id,
                                const char *upload_id,
                                const struct upload_outcome *outcome,
                                struct redis_reply **reply, struct error *err)
{
    struct record record = {0};
    struct evidence_text text;
    struct redis_number kept;
    struct key upload = key_of_account(KEY_UPLOAD, account_id, upload_id);
    const struct redis_arg keys[] = {redis_text(upload.text)};
    struct redis_arg args[3 + 2 * RECORD_FIELDS_MAX] = {
        redis_text(account_id),
        redis_text(key_changed_channel()),
        redis_integer(&kept, FINISHED_KEPT_S),
    };
    record_add_text(&record, "status", upload_status_word(outcome->status));
    record_add_text(&record, "reason", outcome->reason);
    if (outcome->track_id != NULL) {
        record_add_text(&record, "track_id", outcome->track_id);
    }
    if (outcome->evidence != NULL) {
        evidence_record_write(&record, outcome->evidence, &text);
    }
    size_t arg_count = 3 + record_args(&record, args + 3);
    return redis_script_run(redis, reply, &script_upload_close, keys, 1, args,
                            arg_count, err);
}

static struct redis_arg bytes_or_nothing(const struct buffer *buffer)
{
    return buffer == NULL ? redis_text("")
                          : redis_bytes(buffer_text(buffer), buffer->length);
}

/* The keys of upload_add.lua, in their order. */
static const enum account_key ADD_KEYS[] = {
    KEY_ACCOUNT, KEY_UPLOAD,     KEY_TRACK,    KEY_TRACKS,
    KEY_CHANGES, KEY_RECORDINGS, KEY_CONTENTS, KEY_MANIFEST,
    KEY_PRINT,   KEY_UNMATCHED,  KEY_DENIED,
};
/* Those of upload_own.lua. */
static const enum account_key OWN_KEYS[] = {
    KEY_ACCOUNT,    KEY_UPLOAD,   KEY_TRACK,    KEY_CHANGES,
    KEY_RECORDINGS, KEY_CONTENTS, KEY_MANIFEST, KEY_PRINT,
};
enum {
    ADD_KEY_COUNT = sizeof ADD_KEYS / sizeof *ADD_KEYS,
    OWN_KEY_COUNT = sizeof OWN_KEYS / sizeof *OWN_KEYS,
    ADD_ARGS_HEAD = 15,
    OWN_ARGS_HEAD = 11,
    ADD_ARGS_MAX = ADD_ARGS_HEAD + 4 * RECORD_FIELDS_MAX,
};

static const char *add_key_item(enum account_key kind, const char *upload_id,
                                const char *track_id)
{
    switch (kind) {
    case KEY_UPLOAD:
        return upload_id;
    case KEY_TRACK:
    case KEY_MANIFEST:
    case KEY_PRINT:
        return track_id;
    default:
        return "";
    }
}

/* What the two scripts take before the two records. */
struct add_numbers {
    struct redis_number upload_kept;
    struct redis_number changes_kept;
    struct redis_number quota_bytes;
    struct redis_number arrivals;
    struct redis_number kept_until;
    struct redis_number evidence_count;
};

static void add_args_head(struct redis_arg *args, struct add_numbers *numbers,
                          const char *account_id,
                          const struct upload_outcome *outcome,
                          size_t evidence_args)
{
    const struct entry *entry = outcome->entry;
    bool uploaded = outcome->status == UPLOAD_UPLOADED;
    assert(!uploaded || outcome->manifest != NULL);
    assert(entry->size_bytes <= INT64_MAX);
    const struct redis_arg head[ADD_ARGS_HEAD] = {
        redis_text(account_id),
        redis_text(key_changed_channel()),
        redis_integer(&numbers->upload_kept, FINISHED_KEPT_S),
        redis_integer(&numbers->changes_kept, CHANGES_KEPT),
        redis_text(entry->id),
        redis_text(upload_status_word(outcome->status)),
        redis_text(outcome->reason),
        redis_text(uploaded ? "" : entry->recording_id),
        redis_text(entry->content_id),
        redis_integer(&numbers->quota_bytes,
                      uploaded ? (int64_t)entry->size_bytes : 0),
        uploaded ? bytes_or_nothing(outcome->manifest) : redis_text(""),
        bytes_or_nothing(outcome->print),
        uploaded ? redis_integer(&numbers->arrivals, (int64_t)outcome->arrivals)
                 : redis_text(""),
        redis_integer(&numbers->kept_until, outcome->kept_until_ms),
        redis_integer(&numbers->evidence_count, (int64_t)evidence_args),
    };
    memcpy(args, head, sizeof head);
}

static void own_args_head(struct redis_arg *args, struct add_numbers *numbers,
                          const char *account_id,
                          const struct upload_outcome *outcome,
                          size_t evidence_args)
{
    const struct entry *entry = outcome->entry;
    const struct redis_arg head[OWN_ARGS_HEAD] = {
        redis_text(account_id),
        redis_text(key_changed_channel()),
        redis_integer(&numbers->upload_kept, FINISHED_KEPT_S),
        redis_integer(&numbers->changes_kept, CHANGES_KEPT),
        redis_text(entry->id),
        redis_text(entry->content_id),
        redis_integer(&numbers->quota_bytes, (int64_t)entry->size_bytes),
        bytes_or_nothing(outcome->manifest),
        bytes_or_nothing(outcome->print),
        redis_integer(&numbers->kept_until, outcome->kept_until_ms),
        redis_integer(&numbers->evidence_count, (int64_t)evidence_args),
    };
    assert(outcome->status == UPLOAD_UPLOADED);
    assert(entry->size_bytes <= INT64_MAX);
    memcpy(args, head, sizeof head);
}

/* Ends an upload with a new entry, or with the own audio of one. */
static enum status add_entry(struct redis *redis, const char *account_id,
                             const char *upload_id,
                             const struct upload_outcome *outcome,
                             struct redis_reply **reply, struct error *err)
{
    const struct entry *entry = outcome->entry;
    bool is_own = outcome->is_own;
    const enum account_key *kinds = is_own ? OWN_KEYS : ADD_KEYS;
    size_t key_count = is_own ? OWN_KEY_COUNT : ADD_KEY_COUNT;
    size_t head = is_own ? OWN_ARGS_HEAD : ADD_ARGS_HEAD;
    struct key names[ADD_KEY_COUNT];
    struct redis_arg keys[ADD_KEY_COUNT];
    for (size_t i = 0; i < key_count; i++) {
        names[i] = key_of_account(kinds[i], account_id,
                                  add_key_item(kinds[i], upload_id, entry->id));
        keys[i] = redis_text(names[i].text);
    }
    struct record evidence = {0};
    struct record record = {0};
    struct evidence_text evidence_text;
    struct evidence_text entry_text;
    struct redis_arg args[ADD_ARGS_MAX];
    struct add_numbers numbers;
    if (outcome->evidence != NULL) {
        evidence_record_write(&evidence, outcome->evidence, &evidence_text);
    }
    if (is_own) {
        sound_record_write(&record, entry, &entry_text);
    } else {
        entry_record_write(&record, entry, &entry_text);
    }
    size_t evidence_args = record_args(&evidence, args + head);
    size_t arg_count = head + evidence_args;
    arg_count += record_args(&record, args + arg_count);
    (is_own ? own_args_head : add_args_head)(args, &numbers, account_id,
                                             outcome, evidence_args);
    return redis_script_run(redis, reply,
                            is_own ? &script_upload_own : &script_upload_add,
                            keys, key_count, args, arg_count, err);
}

/* Before the track is there: who asks the unmatched finds it by its account. */
static enum status enter_account(struct redis *redis, const char *account_id,
                                 const struct upload_outcome *outcome,
                                 struct error *err)
{
    return outcome->status == UPLOAD_UPLOADED
               ? unmatched_enter(redis, account_id, err)
               : STATUS_OK;
}

static enum status read_outcome(struct upload *out, const char *account_id,
                                const char *upload_id,
                                const struct redis_reply *reply,
                                struct error *err)
{
    if (script_refused(reply, "no_upload")) {
        return no_upload(err);
    }
    if (script_refused(reply, "no_account")) {
        return error_set(err, STATUS_NOT_FOUND, "no_account",
                         "the account is gone: nothing was kept");
    }
    if (script_refused(reply, "denied")) {
        return error_set(err, STATUS_CONFLICT, "denied",
                         "the subscriber has denied this recording");
    }
    if (script_refused(reply, "stale")) {
        return error_set(err, STATUS_CONFLICT, "stale",
                         "storing the file took so long that its objects may "
                         "be gone again");
    }
    if (script_refused(reply, "not_wanted")) {
        return error_set(err, STATUS_CONFLICT, "not_wanted",
                         "the track wants no audio of its own any more");
    }
    return decode_upload(out, account_id, upload_id, reply, err);
}

enum status upload_finish(struct redis *redis, const char *account_id,
                          const char *upload_id,
                          const struct upload_outcome *outcome,
                          struct upload *out, struct error *err)
{
    assert(outcome->status != UPLOAD_WAITING);
    bool adds =
        outcome->status == UPLOAD_MATCHED || outcome->status == UPLOAD_UPLOADED;
    assert(!adds || outcome->entry != NULL);
    if (!id_valid(upload_id)) {
        return no_upload(err);
    }
    struct redis_reply *reply = NULL;
    enum status status = enter_account(redis, account_id, outcome, err);
    if (status == STATUS_OK && adds) {
        status = add_entry(redis, account_id, upload_id, outcome, &reply, err);
    } else if (status == STATUS_OK) {
        status =
            close_upload(redis, account_id, upload_id, outcome, &reply, err);
    }
    if (status == STATUS_OK) {
        status = read_outcome(out, account_id, upload_id, reply, err);
    }
    redis_reply_free(reply);
    return status;
}
