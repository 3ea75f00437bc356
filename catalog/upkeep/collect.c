/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/upkeep/collect.h"

#include "catalog/id.h"
#include "catalog/library/holdings.h"
#include "catalog/library/scripts.h"
#include "catalog/redis/keys.h"
#include "catalog/upkeep/owned.h"
#include "catalog/upkeep/scripts.h"
#include "catalog/upkeep/walk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    /* Decided together, by one call that Redis syncs: few enough that a run
     * that ends leaves few begun removals. */
    BATCH_MAX = 128,
    GRACE_MS = 24 * 60 * 60 * 1000,
    SCAN_PAGE = 100,
};
/* As the contract with the subscribers says. */
static const int64_t TRASH_MS = INT64_C(30) * 24 * 60 * 60 * 1000;

/* What condemn.lua answers. */
enum fate { FATE_PINNED, FATE_CONDEMNED, FATE_WAITING, FATE_REMOVE };

/* Objects that are nobody's, to be decided on together. */
struct batch {
    struct store_entry entries[BATCH_MAX];
    char hex[BATCH_MAX][2 * SHA256_BYTES + 1];
    size_t count;
};

struct collector {
    struct redis *redis;
    const struct keyring *keyring;
    struct store *store;
    const struct collect_options *options;
    const struct collect_watch *watch;
    char who[ID_SIZE];
    int64_t began_ms; /* by Redis' clock */
    int64_t kept_ms;  /* when the lease was kept last; monotonic */
    struct key pins;  /* the names of the keys */
    struct key condemned;
    struct key deleting;
    struct key lease;
    struct owned owned;
    struct collect_counts counts;
    struct batch batch;
};

struct collect_options collect_defaults(const char *region)
{
    return (struct collect_options){.region = region,
                                    .grace_ms = GRACE_MS,
                                    .trash_ms = TRASH_MS,
                                    .lease_ms = COLLECT_LEASE_MS,
                                    .run_max_ms = COLLECT_RUN_MAX_MS};
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the lease ---- */

static enum status lease_lost(struct error *err)
{
    return error_set(err, STATUS_UNAVAILABLE, "lease_lost",
                     "this run was held up for so long that another may have "
                     "begun: start it again");
}

/* verb  "take", "keep" or "give"; *now_ms is 0 when another has the lease */
static enum status ask_lease(struct collector *collector, const char *verb,
                             int64_t *now_ms, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number life;
    const struct redis_arg keys[] = {redis_text(collector->lease.text)};
    const struct redis_arg args[] = {
        redis_text(collector->who), redis_text(verb),
        redis_integer(&life, collector->options->lease_ms)};
    enum status status = redis_script_run(collector->redis, &reply,
                                          &script_lease, keys, 1, args, 3, err);
    *now_ms = redis_reply_integer(reply, 0);
    redis_reply_free(reply);
    return status;
}

static enum status take_lease(struct collector *collector, struct error *err)
{
    enum status status =
        ask_lease(collector, "take", &collector->began_ms, err);
    if (status == STATUS_OK && collector->began_ms == 0) {
        status = error_set(err, STATUS_CONFLICT, "collecting",
                           "another collector works: wait for its end; one "
                           "that died is replaced after %u s",
                           collector->options->lease_ms / 1000);
    }
    collector->kept_ms = monotonic_ms();
    return status;
}

/* Often enough that the lease does not end in between. */
static enum status keep_lease(struct collector *collector, struct error *err)
{
    int64_t kept_ms = monotonic_ms();
    int64_t now_ms = 0;
    if (kept_ms - collector->kept_ms < collector->options->lease_ms / 3) {
        return STATUS_OK;
    }
    enum status status = ask_lease(collector, "keep", &now_ms, err);
    if (status == STATUS_OK && now_ms == 0) {
        status = lease_lost(err);
    }
    collector->kept_ms = kept_ms;
    return status;
}

/* Before each removal: whoever slept past his lease must not remove what
 * another collector has let go since, and a writer stored anew. */
static enum status check_lease(struct collector *collector, struct error *err)
{
    struct redis_reply *reply = NULL;
    char holder[ID_SIZE];
    const struct redis_arg args[] = {redis_text("GET"),
                                     redis_text(collector->lease.text)};
    enum status status = redis_call(collector->redis, &reply, args, 2, err);
    (void)redis_reply_copy(holder, sizeof holder, reply);
    redis_reply_free(reply);
    if (status == STATUS_OK && strcmp(holder, collector->who) != 0) {
        status = lease_lost(err);
    }
    return status;
}

static enum status step(struct collector *collector, enum collect_step at,
                        struct error *err)
{
    const struct collect_watch *watch = collector->watch;
    enum status status = keep_lease(collector, err);
    return status == STATUS_OK && watch->at != NULL
               ? watch->at(watch->context, at, &collector->counts, err)
               : status;
}

/* ---- removing ---- */

/* Nothing is kept of these any more. */
static enum status forget(struct collector *collector,
                          const struct redis_arg *names, size_t count,
                          struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_arg args[1 + BATCH_MAX] = {redis_text(collector->who)};
    const struct redis_arg keys[] = {redis_text(collector->condemned.text),
                                     redis_text(collector->deleting.text),
                                     redis_text(collector->lease.text)};
    assert(count <= BATCH_MAX);
    if (count == 0) {
        return STATUS_OK;
    }
    memcpy(args + 1, names, count * sizeof *names);
    enum status status =
        redis_script_run(collector->redis, &reply, &script_forget, keys, 3,
                         args, 1 + count, err);
    if (status == STATUS_OK && redis_reply_integer(reply, 0) != 1) {
        status = lease_lost(err);
    }
    redis_reply_free(reply);
    return status;
}

static enum status remove_object(struct collector *collector,
                                 const uint8_t name[SHA256_BYTES],
                                 struct error *err)
{
    enum status status = step(collector, COLLECT_REMOVING, err);
    if (status == STATUS_OK) {
        status = check_lease(collector, err);
    }
    return status == STATUS_OK
               ? collector->store->methods->remove(collector->store, name, err)
               : status;
}

static enum status ask_fates(struct collector *collector, enum fate *fates,
                             struct error *err)
{
    const struct collect_options *options = collector->options;
    const struct batch *batch = &collector->batch;
    enum { HEAD = 5 };
    struct redis_reply *reply = NULL;
    struct redis_number began;
    struct redis_number run_max;
    struct redis_number grace;
    const struct redis_arg keys[] = {redis_text(collector->pins.text),
                                     redis_text(collector->condemned.text),
                                     redis_text(collector->deleting.text),
                                     redis_text(collector->lease.text)};
    struct redis_arg args[HEAD + BATCH_MAX] = {
        redis_text(collector->who), redis_integer(&began, collector->began_ms),
        redis_integer(&run_max, options->run_max_ms),
        redis_integer(&grace, options->grace_ms),
        redis_text(options->dry_run ? "1" : "")};
    for (size_t i = 0; i < batch->count; i++) {
        args[HEAD + i] = redis_text(batch->hex[i]);
    }
    enum status status =
        redis_script_run(collector->redis, &reply, &script_condemn, keys, 4,
                         args, HEAD + batch->count, err);
    if (status == STATUS_OK && script_refused(reply, "lease")) {
        status = lease_lost(err);
    } else if (status == STATUS_OK && script_refused(reply, "late")) {
        status = error_set(err, STATUS_UNAVAILABLE, "collector_late",
                           "this run took too long to be sure of what it "
                           "marked: start it again when there is less to do");
    }
    if (status == STATUS_OK) {
        assert(redis_reply_count(reply) == batch->count);
        for (size_t i = 0; i < batch->count; i++) {
            fates[i] = (enum fate)redis_reply_integer(redis_reply_at(reply, i),
                                                      FATE_WAITING);
        }
    }
    redis_reply_free(reply);
    return status;
}

/* Those of the batch whose fate it is, counted and, but for a dry run,
 * removed. */
static enum status carry_out(struct collector *collector,
                             const enum fate *fates, struct error *err)
{
    struct collect_counts *counts = &collector->counts;
    struct redis_arg gone[BATCH_MAX];
    size_t gone_count = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < collector->batch.count; i++) {
        const struct store_entry *entry = &collector->batch.entries[i];
        counts->pinned_count += fates[i] == FATE_PINNED;
        counts->condemned_count +=
            fates[i] == FATE_CONDEMNED || fates[i] == FATE_WAITING;
        if (fates[i] != FATE_REMOVE) {
            continue;
        }
        if (!collector->options->dry_run) {
            status = remove_object(collector, entry->name, err);
        }
        if (status == STATUS_OK) {
            counts->removed_count++;
            counts->removed_bytes += entry->size_bytes;
            gone[gone_count++] = redis_text(collector->batch.hex[i]);
        }
    }
    if (collector->options->dry_run || status != STATUS_OK) {
        return status;
    }
    status = step(collector, COLLECT_REMOVED, err);
    return status == STATUS_OK ? forget(collector, gone, gone_count, err)
                               : status;
}

static enum status decide(struct collector *collector, struct error *err)
{
    enum fate fates[BATCH_MAX] = {0};
    if (collector->batch.count == 0) {
        return STATUS_OK;
    }
    enum status status = step(collector, COLLECT_BATCH, err);
    if (status == STATUS_OK) {
        status = ask_fates(collector, fates, err);
    }
    if (status == STATUS_OK) {
        status = step(collector, COLLECT_DECIDED, err);
    }
    if (status == STATUS_OK) {
        status = carry_out(collector, fates, err);
    }
    collector->batch.count = 0;
    return status;
}

/* ---- what is left in Redis ---- */

/* What is done with each name of a hash. */
typedef enum status visit_name(struct collector *collector,
                               const uint8_t name[SHA256_BYTES], bool *forget,
                               struct error *err);

static enum status visit_names(struct collector *collector,
                               const struct redis_reply *pairs,
                               visit_name *visit, struct error *err)
{
    struct redis_arg names[BATCH_MAX];
    size_t count = 0;
    enum status status = STATUS_OK;
    for (size_t i = 0; status == STATUS_OK && i < redis_reply_count(pairs);
         i += 2) {
        uint8_t name[SHA256_BYTES];
        size_t length = 0;
        bool is_over = true; /* as what is no name of ours */
        const char *hex = redis_reply_bytes(redis_reply_at(pairs, i), &length);
        if (hex_decode(name, sizeof name, hex)) {
            status = visit(collector, name, &is_over, err);
        }
        if (status == STATUS_OK && is_over && !collector->options->dry_run) {
            names[count++] = redis_bytes(hex, length);
        }
        if (status == STATUS_OK && count == BATCH_MAX) {
            status = forget(collector, names, count, err);
            count = 0;
        }
    }
    return status == STATUS_OK ? forget(collector, names, count, err) : status;
}

static enum status scan_names(struct collector *collector,
                              const struct key *hash, visit_name *visit,
                              struct error *err)
{
    char cursor[24] = "0";
    struct redis_number page;
    do {
        struct redis_reply *reply = NULL;
        const struct redis_arg args[] = {
            redis_text("HSCAN"), redis_text(hash->text), redis_text(cursor),
            redis_text("COUNT"), redis_integer(&page, SCAN_PAGE)};
        enum status status = redis_call(collector->redis, &reply, args, 5, err);
        if (status == STATUS_OK) {
            (void)redis_reply_copy(cursor, sizeof cursor,
                                   redis_reply_at(reply, 0));
            status =
                visit_names(collector, redis_reply_at(reply, 1), visit, err);
        }
        redis_reply_free(reply);
        if (status != STATUS_OK) {
            return status;
        }
    } while (strcmp(cursor, "0") != 0);
    return STATUS_OK;
}

/* A removal that a run before this one began: since then no writer could rely
 * on the object, so it is still nobody's. */
static enum status finish_removal(struct collector *collector,
                                  const uint8_t name[SHA256_BYTES],
                                  bool *is_over, struct error *err)
{
    *is_over = true;
    collector->counts.finished_count++;
    return collector->options->dry_run ? STATUS_OK
                                       : remove_object(collector, name, err);
}

/* Whether a condemned object is owned, or no longer there: after a backup of
 * Redis or of the store was brought back. */
static enum status look_at_condemned(struct collector *collector,
                                     const uint8_t name[SHA256_BYTES],
                                     bool *is_over, struct error *err)
{
    bool is_there = true;
    enum status status = STATUS_OK;
    *is_over = owned_find(&collector->owned, name) != NULL;
    if (!*is_over) {
        status = collector->store->methods->has(collector->store, name,
                                                &is_there, err);
        *is_over = !is_there;
    }
    return status;
}

static enum status trim_pins(struct collector *collector, struct error *err)
{
    struct redis_number now;
    const struct redis_arg args[] = {
        redis_text("ZREMRANGEBYSCORE"), redis_text(collector->pins.text),
        redis_text("-inf"), redis_integer(&now, collector->began_ms - 1)};
    return collector->options->dry_run
               ? STATUS_OK
               : redis_call(collector->redis, NULL, args, 4, err);
}

/* ---- marking ---- */

static enum status enter_account(void *context, const char *account_id,
                                 struct error *err)
{
    struct collector *collector = context;
    uint64_t purged = 0;
    enum status status = step(collector, COLLECT_ACCOUNT, err);
    if (status == STATUS_OK) {
        status =
            holdings_purge(collector->redis, account_id,
                           collector->began_ms - collector->options->trash_ms,
                           collector->options->dry_run, &purged, err);
    }
    collector->counts.account_count++;
    collector->counts.purged_tracks += purged;
    return status;
}

static enum status mark_track(void *context, const struct walk_track *track,
                              struct error *err)
{
    struct collector *collector = context;
    enum status status = keep_lease(collector, err);
    collector->counts.track_count++;
    if (track->fault != NULL) {
        return error_set(err, STATUS_CORRUPT, "manifest_unreadable",
                         "track %s of account %s: nobody can tell which "
                         "objects are its, so none was removed (%s)",
                         track->track_id, track->account_id,
                         track->fault->text);
    }
    size_t count = track->manifest == NULL ? 0 : track->manifest->part_count;
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        const struct chunk_ref *chunk = &track->manifest->parts[i].chunk;
        status =
            owned_add(&collector->owned, chunk->name, chunk->length_bytes, err);
    }
    return status;
}

static enum status mark(struct collector *collector, struct error *err)
{
    const struct walk_visitor visitor = {
        .context = collector, .enter = enter_account, .track = mark_track};
    enum status status =
        walk_accounts(collector->redis, collector->keyring, &visitor, err);
    if (status == STATUS_OK) {
        owned_sort(&collector->owned);
        collector->counts.owned_count = collector->owned.count;
        status = step(collector, COLLECT_MARKED, err);
    }
    return status;
}

/* ---- sweeping ---- */

static enum status sweep_object(void *context, const struct store_entry *entry,
                                struct error *err)
{
    struct collector *collector = context;
    struct batch *batch = &collector->batch;
    enum status status = keep_lease(collector, err);
    collector->counts.seen_count++;
    collector->counts.seen_bytes += entry->size_bytes;
    if (status != STATUS_OK ||
        owned_find(&collector->owned, entry->name) != NULL) {
        return status;
    }
    batch->entries[batch->count] = *entry;
    hex_encode(batch->hex[batch->count], entry->name, SHA256_BYTES);
    batch->count++;
    return batch->count == BATCH_MAX ? decide(collector, err) : STATUS_OK;
}

static enum status sweep(struct collector *collector, struct error *err)
{
    enum status status = collector->store->methods->list(
        collector->store, NULL, sweep_object, collector, err);
    return status == STATUS_OK ? decide(collector, err) : status;
}

static enum status note_end(struct collector *collector, struct error *err)
{
    struct redis_number now;
    struct key key = key_of_upkeep(KEY_COLLECTED, collector->options->region);
    int64_t now_ms = 0;
    enum status status = ask_lease(collector, "keep", &now_ms, err);
    const struct redis_arg args[] = {redis_text("SET"), redis_text(key.text),
                                     redis_integer(&now, now_ms)};
    if (status == STATUS_OK && now_ms == 0) {
        return lease_lost(err);
    }
    return status == STATUS_OK && !collector->options->dry_run
               ? redis_call(collector->redis, NULL, args, 3, err)
               : status;
}

static enum status run(struct collector *collector, struct error *err)
{
    enum status status = step(collector, COLLECT_BEGUN, err);
    if (status == STATUS_OK) {
        status = trim_pins(collector, err);
    }
    if (status == STATUS_OK) {
        status =
            scan_names(collector, &collector->deleting, finish_removal, err);
    }
    if (status == STATUS_OK) {
        status = mark(collector, err);
    }
    if (status == STATUS_OK) {
        status = sweep(collector, err);
    }
    if (status == STATUS_OK) {
        status = scan_names(collector, &collector->condemned, look_at_condemned,
                            err);
    }
    return status == STATUS_OK ? note_end(collector, err) : status;
}

enum status collect(struct collect_counts *out, struct redis *redis,
                    const struct keyring *keyring, struct store *store,
                    const struct collect_options *options,
                    const struct collect_watch *watch, struct error *err)
{
    /* On the heap: a batch has 13 KB. */
    struct collector *collector = calloc(1, sizeof *collector);
    *out = (struct collect_counts){0};
    if (collector == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to collect: free some");
    }
    collector->redis = redis;
    collector->keyring = keyring;
    collector->store = store;
    collector->options = options;
    collector->watch = watch;
    collector->pins = key_of_upkeep(KEY_PINS, options->region);
    collector->condemned = key_of_upkeep(KEY_CONDEMNED, options->region);
    collector->deleting = key_of_upkeep(KEY_DELETING, options->region);
    collector->lease = key_of_upkeep(KEY_COLLECTOR, options->region);
    id_random(collector->who, "who");
    enum status status = take_lease(collector, err);
    if (status == STATUS_OK) {
        int64_t ignored_ms = 0;
        struct error ignored;
        status = run(collector, err);
        enum status given = ask_lease(collector, "give", &ignored_ms, &ignored);
        (void)given; /* it ends by itself */
    }
    *out = collector->counts;
    owned_clear(&collector->owned);
    free(collector);
    return status;
}

enum status collect_last(struct redis *redis, const char *region,
                         int64_t *last_ms, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key key = key_of_upkeep(KEY_COLLECTED, region);
    const struct redis_arg args[] = {redis_text("GET"), redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    *last_ms = redis_reply_integer(reply, 0);
    redis_reply_free(reply);
    return status;
}
