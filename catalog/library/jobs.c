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

enum status jobs_add(struct redis *redis, const char *account_id,
                     const char *upload_id, struct error *err)
{
    struct redis_reply *reply = NULL;
    struct redis_number most;
    struct key key = key_jobs();
    const struct redis_arg keys[] = {redis_text(key.text)};
    const struct redis_arg args[] = {redis_text(account_id),
                                     redis_text(upload_id),
                                     redis_integer(&most, JOBS_MAX)};
    enum status status =
        redis_script_run(redis, &reply, &script_job_add, keys, 1, args, 3, err);
    if (status == STATUS_OK && script_refused(reply, "queue_full")) {
        status = error_set(err, STATUS_LIMIT, "queue_full",
                           "%d uploads are waiting to be matched: send this "
                           "one later",
                           JOBS_MAX);
    }
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
    *out = (struct job){.deliveries = 1};
    (void)redis_reply_copy(out->entry_id, sizeof out->entry_id,
                           redis_reply_at(entry, 0));
    record_of_reply(&record, redis_reply_at(entry, 1));
    record_copy(out->account_id, sizeof out->account_id, &record, "account");
    record_copy(out->upload_id, sizeof out->upload_id, &record, "upload");
    *found = id_valid(out->account_id) && id_valid(out->upload_id);
    return *found ? STATUS_OK : job_end(redis, out->entry_id, err);
}

/* How often a job was handed out: the last figure of [[id, consumer, idle,
 * count]]. */
static enum status read_deliveries(struct redis *redis, struct job *job,
                                   struct error *err)
{
    struct redis_reply *reply = NULL;
    struct key key = key_jobs();
    const struct redis_arg args[] = {
        redis_text("XPENDING"),    redis_text(key.text),      redis_text(GROUP),
        redis_text(job->entry_id), redis_text(job->entry_id), redis_text("1")};
    enum status status = redis_call(redis, &reply, args, 6, err);
    if (status == STATUS_OK && redis_reply_count(reply) == 1 &&
        redis_reply_count(redis_reply_at(reply, 0)) == 4) {
        job->deliveries = (uint32_t)redis_reply_integer(
            redis_reply_at(redis_reply_at(reply, 0), 3), 1);
    }
    redis_reply_free(reply);
    return status;
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
        if (status != STATUS_OK) {
            return status;
        }
        if (*found) {
            return read_deliveries(redis, out, err);
        }
        if (strcmp(cursor, "0-0") == 0) {
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

/* A job that nobody has had yet. Redis' answer: [[stream, entries]], or nil
 * when the time is over. */
static enum status read_new(struct redis *redis, const char *consumer,
                            uint32_t wait_ms, struct job *out, bool *found,
                            struct error *err)
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
    args[count++] = redis_text(">");
    enum status status = redis_call(redis, &reply, args, count, err);
    if (status == STATUS_OK && redis_reply_count(reply) == 1) {
        const struct redis_reply *stream = redis_reply_at(reply, 0);
        status = decode_job(redis, redis_reply_at(stream, 1), out, found, err);
    }
    redis_reply_free(reply);
    return status;
}

enum status jobs_take(struct redis *redis, const char *consumer,
                      uint32_t wait_ms, uint32_t idle_ms, struct job *out,
                      bool *found, struct error *err)
{
    *found = false;
    enum status status = claim(redis, consumer, idle_ms, out, found, err);
    if (status == STATUS_OK && !*found) {
        status = read_new(redis, consumer, wait_ms, out, found, err);
    }
    if (status == STATUS_NOT_FOUND) {
        /* The group is gone, as after a Redis that lost its data: the next
         * call finds a new one. */
        status = jobs_prepare(redis, err);
    }
    return status;
}
