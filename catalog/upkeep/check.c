/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/upkeep/check.h"

#include "catalog/redis/keys.h"
#include "catalog/upkeep/owned.h"
#include "catalog/upkeep/scripts.h"
#include "catalog/upkeep/walk.h"
#include "catalog/vault/seal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

enum {
    BATCH_MAX = 128,
    /* After a crash so much is read again. */
    SAVE_EVERY_MS = 10 * 1000,
};

/* What look.lua answers. */
enum known { KNOWN_NOT, KNOWN_PINNED, KNOWN_CONDEMNED, KNOWN_DELETING };

struct checker {
    struct redis *redis;
    const struct keyring *keyring;
    struct store *store;
    const struct check_options *options;
    const struct check_watch *watch;
    struct check_counts counts;
    struct owned owned;
    struct owned bad;       /* objects that are missing or damaged */
    size_t next;            /* of `owned`: all before it were seen */
    uint64_t account_bytes; /* of the account that is walked */
    char orphans[BATCH_MAX][2 * SHA256_BYTES + 1];
    size_t orphan_count;
    int64_t read_until_ms; /* monotonic; 0: no limit */
    int64_t saved_ms;      /* when the cursor was saved */
    bool is_out_of_time;
    uint8_t object[SEAL_MAX_OBJECT_BYTES];
};

bool check_is_wrong(const struct check_counts *counts)
{
    return counts->unreadable_count + counts->missing_count +
               counts->size_count + counts->damaged_count +
               counts->track_count + counts->quota_count >
           0;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum status report(struct checker *checker, struct error *err)
{
    const struct check_watch *watch = checker->watch;
    return watch->at == NULL ? STATUS_OK
                             : watch->at(watch->context, &checker->counts, err);
}

static void tell(struct checker *checker, const struct check_finding *finding)
{
    struct check_counts *counts = &checker->counts;
    uint64_t *const count[] = {
        [CHECK_UNREADABLE] = &counts->unreadable_count,
        [CHECK_MISSING] = &counts->missing_count,
        [CHECK_SIZE] = &counts->size_count,
        [CHECK_DAMAGED] = &counts->damaged_count,
        [CHECK_TRACK] = &counts->track_count,
        [CHECK_QUOTA] = &counts->quota_count,
    };
    ++*count[finding->fault];
    if (checker->watch->found != NULL) {
        checker->watch->found(checker->watch->context, finding);
    }
}

static enum status tell_object(struct checker *checker, enum check_fault fault,
                               const uint8_t name[SHA256_BYTES],
                               uint64_t expected_bytes, uint64_t found_bytes,
                               struct error *err)
{
    struct check_finding finding = {.fault = fault,
                                    .account_id = "",
                                    .track_id = "",
                                    .expected_bytes = expected_bytes,
                                    .found_bytes = found_bytes,
                                    .text = ""};
    hex_encode(finding.object, name, SHA256_BYTES);
    tell(checker, &finding);
    return owned_add(&checker->bad, name, 0, err);
}

/* ---- what is owned ---- */

static enum status count_track(void *context, const struct walk_track *track,
                               struct error *err)
{
    struct checker *checker = context;
    struct check_counts *counts = &checker->counts;
    enum status status = STATUS_OK;
    if (track->fault != NULL) {
        const struct check_finding finding = {.fault = CHECK_UNREADABLE,
                                              .account_id = track->account_id,
                                              .track_id = track->track_id,
                                              .text = track->fault->text};
        tell(checker, &finding);
    }
    if (!track->is_uploaded) {
        counts->matched_count++;
        counts->matched_bytes += track->size_bytes;
    } else {
        counts->uploaded_count++;
        checker->account_bytes += track->is_in_trash ? 0 : track->size_bytes;
    }
    if (track->manifest == NULL) {
        return STATUS_OK;
    }
    counts->logical_bytes += track->manifest->size_bytes;
    for (size_t i = 0; status == STATUS_OK && i < track->manifest->part_count;
         i++) {
        const struct chunk_ref *chunk = &track->manifest->parts[i].chunk;
        status =
            owned_add(&checker->owned, chunk->name, chunk->length_bytes, err);
    }
    return status;
}

static enum status enter_account(void *context, const char *account_id,
                                 struct error *err)
{
    struct checker *checker = context;
    (void)account_id;
    checker->account_bytes = 0;
    return report(checker, err);
}

/* Not judged while the library changes: the next check does. */
static enum status judge_account(void *context, const struct account *account,
                                 bool changed, struct error *err)
{
    struct checker *checker = context;
    (void)err;
    checker->counts.account_count++;
    if (!changed && account->used_bytes != checker->account_bytes) {
        const struct check_finding finding = {
            .fault = CHECK_QUOTA,
            .account_id = account->id,
            .track_id = "",
            .expected_bytes = checker->account_bytes,
            .found_bytes = account->used_bytes,
            .text = ""};
        tell(checker, &finding);
    }
    return STATUS_OK;
}

/* ---- what is there ---- */

static enum status count_orphans(struct checker *checker, struct error *err)
{
    struct redis_reply *reply = NULL;
    const char *region = checker->options->region;
    const struct key names[] = {key_of_upkeep(KEY_PINS, region),
                                key_of_upkeep(KEY_CONDEMNED, region),
                                key_of_upkeep(KEY_DELETING, region)};
    const struct redis_arg keys[] = {redis_text(names[0].text),
                                     redis_text(names[1].text),
                                     redis_text(names[2].text)};
    struct redis_arg args[BATCH_MAX];
    if (checker->orphan_count == 0) {
        return STATUS_OK;
    }
    for (size_t i = 0; i < checker->orphan_count; i++) {
        args[i] = redis_text(checker->orphans[i]);
    }
    enum status status =
        redis_script_run(checker->redis, &reply, &script_look, keys, 3, args,
                         checker->orphan_count, err);
    for (size_t i = 0; i < redis_reply_count(reply); i++) {
        int64_t known =
            redis_reply_integer(redis_reply_at(reply, i), KNOWN_NOT);
        checker->counts.orphan_count += known == KNOWN_NOT;
        checker->counts.pinned_count += known == KNOWN_PINNED;
        checker->counts.condemned_count +=
            known == KNOWN_CONDEMNED || known == KNOWN_DELETING;
    }
    redis_reply_free(reply);
    checker->orphan_count = 0;
    return status;
}

/* Objects that are owned and were not listed: each is asked for once more,
 * since a listing may pass over what was replaced meanwhile. */
static enum status pass_missing(struct checker *checker, const uint8_t *before,
                                struct error *err)
{
    enum status status = STATUS_OK;
    while (status == STATUS_OK && checker->next < checker->owned.count) {
        const struct owned_object *object =
            &checker->owned.objects[checker->next];
        bool is_there = false;
        if (before != NULL && memcmp(object->name, before, SHA256_BYTES) >= 0) {
            break;
        }
        status = checker->store->methods->has(checker->store, object->name,
                                              &is_there, err);
        if (status == STATUS_OK && !is_there) {
            status =
                tell_object(checker, CHECK_MISSING, object->name,
                            seal_object_bytes(object->length_bytes), 0, err);
        }
        checker->next++;
    }
    return status;
}

static enum status see_object(void *context, const struct store_entry *entry,
                              struct error *err)
{
    struct checker *checker = context;
    struct check_counts *counts = &checker->counts;
    counts->seen_count++;
    counts->seen_bytes += entry->size_bytes;
    enum status status = pass_missing(checker, entry->name, err);
    if (status != STATUS_OK) {
        return status;
    }
    const struct owned_object *object =
        checker->next < checker->owned.count
            ? &checker->owned.objects[checker->next]
            : NULL;
    if (object != NULL &&
        memcmp(object->name, entry->name, SHA256_BYTES) == 0) {
        size_t size_bytes = seal_object_bytes(object->length_bytes);
        checker->next++;
        counts->owned_bytes += entry->size_bytes;
        return size_bytes == entry->size_bytes
                   ? STATUS_OK
                   : tell_object(checker, CHECK_SIZE, entry->name, size_bytes,
                                 entry->size_bytes, err);
    }
    hex_encode(checker->orphans[checker->orphan_count++], entry->name,
               SHA256_BYTES);
    if (checker->orphan_count < BATCH_MAX) {
        return STATUS_OK;
    }
    status = report(checker, err);
    return status == STATUS_OK ? count_orphans(checker, err) : status;
}

static enum status see_store(struct checker *checker, struct error *err)
{
    owned_sort(&checker->owned);
    checker->counts.owned_count = checker->owned.count;
    enum status status = checker->store->methods->list(
        checker->store, NULL, see_object, checker, err);
    if (status == STATUS_OK) {
        status = pass_missing(checker, NULL, err);
    }
    return status == STATUS_OK ? count_orphans(checker, err) : status;
}

/* ---- what is in it ---- */

/* Reads an object whole. *good says whether its bytes are those of its name;
 * one that is gone meanwhile is good enough. */
static enum status read_object(struct checker *checker,
                               const struct store_entry *entry, bool *good,
                               struct error *err)
{
    struct store *store = checker->store;
    struct store_object *object = NULL;
    struct error why = {0};
    uint8_t digest[SHA256_BYTES];
    enum status status =
        store->methods->open(store, entry->name, &object, &why);
    if (status == STATUS_OK && object->size_bytes > sizeof checker->object) {
        status = STATUS_CORRUPT;
    }
    if (status == STATUS_OK) {
        struct iovec piece = {.iov_base = checker->object,
                              .iov_len = (size_t)object->size_bytes};
        size_t length = piece.iov_len;
        status = length == 0
                     ? STATUS_CORRUPT
                     : object->methods->read(object, 0, &piece, 1, &why);
        crypto_sha256(digest, checker->object, length);
        checker->counts.read_bytes += length;
    }
    *good =
        status == STATUS_OK && memcmp(digest, entry->name, SHA256_BYTES) == 0;
    if (object != NULL) {
        object->methods->object_close(object);
    }
    if (status == STATUS_NO_MEMORY) {
        *err = why;
        return status;
    }
    if (status == STATUS_UNAVAILABLE &&
        strcmp(why.code, "chunk_missing") == 0) {
        *good = true;
    }
    return STATUS_OK;
}

static enum status save_cursor(struct checker *checker, const char *hex,
                               struct error *err)
{
    struct key key = key_of_upkeep(KEY_READ, checker->options->region);
    const struct redis_arg set[] = {redis_text("SET"), redis_text(key.text),
                                    redis_text(hex)};
    const struct redis_arg del[] = {redis_text("DEL"), redis_text(key.text)};
    return hex[0] == '\0' ? redis_call(checker->redis, NULL, del, 2, err)
                          : redis_call(checker->redis, NULL, set, 3, err);
}

static enum status load_cursor(struct checker *checker,
                               uint8_t out[SHA256_BYTES], bool *found,
                               struct error *err)
{
    struct redis_reply *reply = NULL;
    size_t length = 0;
    struct key key = key_of_upkeep(KEY_READ, checker->options->region);
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key.text)};
    enum status status = redis_call(checker->redis, &reply, args, 2, err);
    const char *hex = redis_reply_bytes(reply, &length);
    *found = hex != NULL && hex_decode(out, SHA256_BYTES, hex);
    redis_reply_free(reply);
    return status;
}

static enum status stop_reading(struct checker *checker, struct error *err)
{
    checker->is_out_of_time = true;
    return error_set(err, STATUS_LIMIT, "out_of_time",
                     "the time for reading is over");
}

static enum status read_next(void *context, const struct store_entry *entry,
                             struct error *err)
{
    struct checker *checker = context;
    char hex[2 * SHA256_BYTES + 1];
    bool good = true;
    enum status status = report(checker, err);
    if (status == STATUS_OK) {
        status = read_object(checker, entry, &good, err);
    }
    if (status == STATUS_OK && !good) {
        status = tell_object(checker, CHECK_DAMAGED, entry->name, 0, 0, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    checker->counts.read_count++;
    int64_t now_ms = monotonic_ms();
    bool is_over =
        checker->read_until_ms != 0 && now_ms >= checker->read_until_ms;
    if (is_over || now_ms - checker->saved_ms >= SAVE_EVERY_MS) {
        hex_encode(hex, entry->name, SHA256_BYTES);
        status = save_cursor(checker, hex, err);
        checker->saved_ms = now_ms;
    }
    return status == STATUS_OK && is_over ? stop_reading(checker, err) : status;
}

static enum status read_store(struct checker *checker, struct error *err)
{
    uint8_t after[SHA256_BYTES];
    bool found = false;
    enum status status = load_cursor(checker, after, &found, err);
    if (status != STATUS_OK) {
        return status;
    }
    checker->saved_ms = monotonic_ms();
    checker->read_until_ms =
        checker->options->max_duration_s == 0
            ? 0
            : checker->saved_ms +
                  (int64_t)checker->options->max_duration_s * 1000;
    status = checker->store->methods->list(checker->store, found ? after : NULL,
                                           read_next, checker, err);
    if (checker->is_out_of_time) {
        return STATUS_OK;
    }
    checker->counts.read_to_end = status == STATUS_OK;
    return status == STATUS_OK ? save_cursor(checker, "", err) : status;
}

/* ---- whose it is ---- */

static enum status look_for_bad(void *context, const struct walk_track *track,
                                struct error *err)
{
    struct checker *checker = context;
    size_t count = track->manifest == NULL ? 0 : track->manifest->part_count;
    (void)err;
    for (size_t i = 0; i < count; i++) {
        const struct chunk_ref *chunk = &track->manifest->parts[i].chunk;
        if (owned_find(&checker->bad, chunk->name) != NULL) {
            struct check_finding finding = {.fault = CHECK_TRACK,
                                            .account_id = track->account_id,
                                            .track_id = track->track_id,
                                            .text = ""};
            hex_encode(finding.object, chunk->name, SHA256_BYTES);
            tell(checker, &finding);
            break; /* one is enough to make the track unplayable */
        }
    }
    return STATUS_OK;
}

static enum status find_tracks(struct checker *checker, struct error *err)
{
    const struct walk_visitor visitor = {.context = checker,
                                         .track = look_for_bad};
    owned_sort(&checker->bad);
    return checker->bad.count == 0
               ? STATUS_OK
               : walk_accounts(checker->redis, checker->keyring, &visitor, err);
}

enum status check(struct check_counts *out, struct redis *redis,
                  const struct keyring *keyring, struct store *store,
                  const struct check_options *options,
                  const struct check_watch *watch, struct error *err)
{
    struct checker *checker = calloc(1, sizeof *checker);
    *out = (struct check_counts){0};
    if (checker == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to check the vault: free some");
    }
    checker->redis = redis;
    checker->keyring = keyring;
    checker->store = store;
    checker->options = options;
    checker->watch = watch;
    const struct walk_visitor visitor = {.context = checker,
                                         .enter = enter_account,
                                         .track = count_track,
                                         .leave = judge_account};
    enum status status = walk_accounts(redis, keyring, &visitor, err);
    if (status == STATUS_OK) {
        status = see_store(checker, err);
    }
    if (status == STATUS_OK && options->read_data) {
        status = read_store(checker, err);
    }
    if (status == STATUS_OK) {
        status = find_tracks(checker, err);
    }
    *out = checker->counts;
    owned_clear(&checker->owned);
    owned_clear(&checker->bad);
    free(checker);
    return status;
}
