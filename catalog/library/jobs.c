/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/uploads.h"

#include "catalog/library/record.h"
#include "catalog/library/scripts.h"
#include "catalog/redis/keys.h"

#include <stdlib.h>

enum {
    /* Some 150 bytes each: 15 MB of Redis. At one job a second and core that
     * is more than a day of work, and clients do better to wait. */
    JOBS_MAX = 100000,
    /* XAUTOCLAIM looks at ten jobs in hand a call: more than all workers of a
     * large installation have. */
    CLAIM_CALLS_MAX = 100,
    /* Jobs that one worker has in hand when it dies: one that runs and those
     * that wait for another try (api/held.h). */
    TAKE_BACK_MAX = 2000,
};
static const char GROUP[] = "workers";

enum status jobs_prepare(struct redis *redis, struct error *err)
{
    struct key key = key_jobs();
    const struct redis_arg args[] = {
        redis_text("XGROUP"), redis_text("CREATE"), redis_text(key.text),
        redis_text(GROUP),    redis_text("0"),      redis_text("MKSTREAM")};
    enum status status = redis_call(redis, NULL, args, 6, err);
    return status == STATUS_CONFLICT ? STATUS_OK : status; /* it is there */
}

static enum status add(struct redis *redis, const struct record *job,
                       struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number most;
    struct key key = key_jobs();
    const struct redis_arg keys[] = {redis_text(key.text)};
    struct redis_arg args[1 + 2 * RECORD_FIELDS_MAX] = {
        redis_integer(&most, JOBS_MAX)};
    size_t arg_count = 1 + record_args(job, args + 1);
    enum status status = redis_script_run(redis, &reply, &script_job_add, keys,
                                          1, args, arg_count, err);
    if (status == STATUS_OK && script_refused(reply, "queue_full")) {
        status = error_set(err, STATUS_LIMIT, "queue_full",
                           "%d songs are waiting to be matched: send this one "
                           "later",
                           JOBS_MAX);
    }
    redis_reply_free(reply);
    return status;
}

enum status jobs_add(struct redis *redis, const char *account_id,
                     const char *upload_id, struct error *err)
{
    struct record job = {0};
    record_add_text(&job, "account", account_id);
    record_add_text(&job, "upload", upload_id);
    return add(redis, &job, err);
}

enum status jobs_add_rescan(struct redis *redis, const char *account_id,
                            const char *track_id, uint64_t asked,
                            struct error *err)
{
    struct record job = {0};
    record_add_text(&job, "account", account_id);
    record_add_text(&job, "track", track_id);
    record_add_size(&job, "asked", asked);
    return add(redis, &job, err);
}

enum status jobs_count(struct redis *redis, uint64_t *out, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key key = key_jobs();
    const struct redis_arg args[] = {redis_text("XLEN"), redis_text(key.text)};
    enum status status = redis_call(redis, &reply, args, 2, err);
    *out = (uint64_t)redis_reply_integer(reply, 0);
    redis_reply_free(reply);
    return status;
}

static enum status job_end(struct redis *redis, const char *entry_id,
                           struct error *err)
{
    struct key key = key_jobs();
    const struct redis_arg keys[] = {redis_text(key.text)};
    const struct redis_arg args[] = {redis_text(GROUP), redis_text(entry_id)};
    return redis_script_run(redis, NULL, &script_job_done, keys, 1, args, 2,
                            err);
}

enum status jobs_done(struct redis *redis, const struct job *job,
                      struct error *err)
{
    return job_end(redis, job->entry_id, err);
}

/* Reads the first of a list of stream entries, [[id, fields] …]. One that is
 * no job of ours is taken out of the queue: it would come back for ever. */
static enum status decode_job(struct redis *redis,
                              const struct redis_reply *entries,
                              struct job *out, bool *found, struct error *err)
{
    if (redis_reply_count(entries) == 0) {
        return STATUS_OK;
    }
    const struct redis_reply *entry = redis_reply_at(entries, 0);
    struct record record = {0};
    *out = (struct job){0};
    (void)redis_reply_copy(out->entry_id, sizeof out->entry_id,
                           redis_reply_at(entry, 0));
    record_of_reply(&record, redis_reply_at(entry, 1));
    record_copy(out->account_id, sizeof out->account_id, &record, "account");
    bool is_rescan = record_text(&record, "track")[0] != '\0';
    out->kind = is_rescan ? JOB_RESCAN : JOB_UPLOAD;
    out->asked = record_size(&record, "asked");
    record_copy(out->item_id, sizeof out->item_id, &record,
                is_rescan ? "track" : "upload");
    *found = id_valid(out->account_id) && id_valid(out->item_id);
    return *found ? STATUS_OK : job_end(redis, out->entry_id, err);
}

/* One step over the jobs in hand, from *cursor on; "0-0" afterwards: all seen.
 * Redis' answer: [cursor, entries, ids of entries that are gone]. */
static enum status claim_step(struct redis *redis, const char *consumer,
                              uint32_t idle_ms, char cursor[32],
                              struct job *out, bool *found, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number idle;
    struct key key = key_jobs();
    const struct redis_arg args[] = {redis_text("XAUTOCLAIM"),
                                     redis_text(key.text),
                                     redis_text(GROUP),
                                     redis_text(consumer),
                                     redis_integer(&idle, idle_ms),
                                     redis_text(cursor),
                                     redis_text("COUNT"),
                                     redis_text("1")};
    enum status status = redis_call(redis, &reply, args, 8, err);
    if (status == STATUS_OK) {
        status = decode_job(redis, redis_reply_at(reply, 1), out, found, err);
        (void)redis_reply_copy(cursor, 32, redis_reply_at(reply, 0));
    }
    redis_reply_free(reply);
    return status;
}

/* A job that its worker took idle_ms ago and did not finish. */
static enum status claim(struct redis *redis, const char *consumer,
                         uint32_t idle_ms, struct job *out, bool *found,
                         struct error *err)
{
    char cursor[32] = "0-0";
    for (int i = 0; i < CLAIM_CALLS_MAX; i++) {
        enum status status =
            claim_step(redis, consumer, idle_ms, cursor, out, found, err);
        if (status != STATUS_OK || *found || strcmp(cursor, "0-0") == 0) {
            return status;
        }
    }
    return STATUS_OK;
}

/* The first job behind `after`: ">" of those that nobody has had yet, or an id
 * of those that `consumer` has had. Redis' answer: [[stream, entries]], or nil
 * when the time is over. */
static enum status read_behind(struct redis *redis, const char *consumer,
                               const char *after, uint32_t wait_ms,
                               struct job *out, bool *found, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number wait;
    struct key key = key_jobs();
    struct redis_arg args[11] = {redis_text("XREADGROUP"), redis_text("GROUP"),
                                 redis_text(GROUP),        redis_text(consumer),
                                 redis_text("COUNT"),      redis_text("1")};
    size_t count = 6;
    if (wait_ms > 0) {
        args[count++] = redis_text("BLOCK");
        args[count++] = redis_integer(&wait, wait_ms);
    }
    args[count++] = redis_text("STREAMS");
    args[count++] = redis_text(key.text);
    args[count++] = redis_text(after);
    enum status status = redis_call(redis, &reply, args, count, err);
    if (status == STATUS_OK && redis_reply_count(reply) == 1) {
        const struct redis_reply *stream = redis_reply_at(reply, 0);
        status = decode_job(redis, redis_reply_at(stream, 1), out, found, err);
    }
    redis_reply_free(reply);
    return status;
}

enum status jobs_take_back(struct redis *redis, const char *consumer,
                           struct error *err)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < TAKE_BACK_MAX; i++) {
        struct job job;
        bool found = false;
        status = read_behind(redis, consumer, "0", 0, &job, &found, err);
        if (status != STATUS_OK || !found) {
            return status;
        }
        status = job.kind == JOB_RESCAN
                     ? jobs_add_rescan(redis, job.account_id, job.item_id,
                                       job.asked, err)
                     : jobs_add(redis, job.account_id, job.item_id, err);
        if (status == STATUS_OK) {
            status = job_end(redis, job.entry_id, err);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status jobs_take(struct redis *redis, const char *consumer,
                      uint32_t wait_ms, uint32_t idle_ms, struct job *out,
                      bool *found, struct error *err)
{
    *found = false;
    enum status status = claim(redis, consumer, idle_ms, out, found, err);
    if (status == STATUS_OK && !*found) {
        status = read_behind(redis, consumer, ">", wait_ms, out, found, err);
    }
    if (status == STATUS_NOT_FOUND) {
        /* The group is gone, as after a Redis that lost its data: the next
         * call finds a new one. */
        status = jobs_prepare(redis, err);
    }
    return status;
}
