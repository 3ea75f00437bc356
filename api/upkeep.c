/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/upkeep.h"

#include "api/log.h"
#include "api/routes/track_json.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    LOOK_MS = 60 * 1000, /* whether a run by itself is due */
    HOUR_MS = 60 * 60 * 1000,
};

enum kind { KIND_NONE, KIND_COLLECT, KIND_CHECK };
enum state { STATE_WANTED, STATE_RUNNING, STATE_DONE, STATE_FAILED };

/* What was asked for, and what came of it. */
struct run {
    char id[ID_SIZE];
    enum kind kind;
    enum state state;
    int64_t grace_ms;
    bool dry_run;
    bool read_data;
    uint32_t max_duration_s;
    int64_t began_ms;
    int64_t ended_ms;
    struct collect_counts collected;
    struct check_counts checked;
    json_t *findings; /* owned; a list */
    uint64_t left_out;
    struct error err;
};

struct upkeep {
    const struct service *service;
    struct redis *redis;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* a run is wanted, or ended; or we shall stop */
    bool stopping;
    bool is_waited_for;
    struct run run; /* under the mutex, as all above */
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The mutex is held. false: the time is over. */
static bool wait_until(struct upkeep *upkeep, int64_t until_ms)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ms / 1000),
                                   .tv_nsec =
                                       (long)(until_ms % 1000) * 1000000};
    return pthread_cond_timedwait(&upkeep->changed, &upkeep->mutex, &until) ==
           0;
}

static bool is_open(const struct run *run)
{
    return run->kind != KIND_NONE &&
           (run->state == STATE_WANTED || run->state == STATE_RUNNING);
}

/* ---- asking for a run ---- */

static enum status want(struct upkeep *upkeep, const struct run *wanted,
                        char out_id[ID_SIZE], struct error *err)
{
    enum status status = STATUS_OK;
    (void)pthread_mutex_lock(&upkeep->mutex);
    if (is_open(&upkeep->run)) {
        status = error_set(err, STATUS_CONFLICT, "vault_running",
                           "a run over the vault is under way: wait for its "
                           "end");
    } else {
        json_decref(upkeep->run.findings);
        upkeep->run = *wanted;
        upkeep->run.findings = json_array();
        id_random(upkeep->run.id, "run");
        memcpy(out_id, upkeep->run.id, ID_SIZE);
        (void)pthread_cond_broadcast(&upkeep->changed);
    }
    (void)pthread_mutex_unlock(&upkeep->mutex);
    return status;
}

enum status upkeep_collect(struct upkeep *upkeep, int64_t grace_ms,
                           bool dry_run, char out_id[ID_SIZE],
                           struct error *err)
{
    const struct run run = {
        .kind = KIND_COLLECT, .grace_ms = grace_ms, .dry_run = dry_run};
    return want(upkeep, &run, out_id, err);
}

enum status upkeep_check(struct upkeep *upkeep, bool read_data,
                         uint32_t max_duration_s, char out_id[ID_SIZE],
                         struct error *err)
{
    const struct run run = {.kind = KIND_CHECK,
                            .read_data = read_data,
                            .max_duration_s = max_duration_s};
    return want(upkeep, &run, out_id, err);
}

/* ---- telling of it ---- */

static json_t *collect_json(const struct collect_counts *counts)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
                     "accounts", (json_int_t)counts->account_count, "tracks",
                     (json_int_t)counts->track_count, "purged_tracks",
                     (json_int_t)counts->purged_tracks, "owned_objects",
                     (json_int_t)counts->owned_count, "stored_objects",
                     (json_int_t)counts->seen_count, "stored_bytes",
                     (json_int_t)counts->seen_bytes, "pinned_objects",
                     (json_int_t)counts->pinned_count, "condemned_objects",
                     (json_int_t)counts->condemned_count, "removed_objects",
                     (json_int_t)counts->removed_count, "removed_bytes",
                     (json_int_t)counts->removed_bytes, "finished_removals",
                     (json_int_t)counts->finished_count);
}

json_t *upkeep_check_json(const struct check_counts *counts)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
        "s:I, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}",
        "accounts", (json_int_t)counts->account_count, "matched_tracks",
        (json_int_t)counts->matched_count, "matched_bytes",
        (json_int_t)counts->matched_bytes, "uploaded_tracks",
        (json_int_t)counts->uploaded_count, "logical_bytes",
        (json_int_t)counts->logical_bytes, "owned_objects",
        (json_int_t)counts->owned_count, "owned_bytes",
        (json_int_t)counts->owned_bytes, "stored_objects",
        (json_int_t)counts->seen_count, "stored_bytes",
        (json_int_t)counts->seen_bytes, "orphan_objects",
        (json_int_t)counts->orphan_count, "condemned_objects",
        (json_int_t)counts->condemned_count, "pinned_objects",
        (json_int_t)counts->pinned_count, "read_objects",
        (json_int_t)counts->read_count, "read_bytes",
        (json_int_t)counts->read_bytes, "read_to_end", counts->read_to_end,
        "is_whole", !check_is_wrong(counts), "unreadable_tracks",
        (json_int_t)counts->unreadable_count, "missing_objects",
        (json_int_t)counts->missing_count, "wrong_size_objects",
        (json_int_t)counts->size_count, "damaged_objects",
        (json_int_t)counts->damaged_count, "affected_tracks",
        (json_int_t)counts->track_count, "wrong_quotas",
        (json_int_t)counts->quota_count);
}

static json_t *finding_json(const struct check_finding *finding)
{
    static const char *const words[] = {
        [CHECK_UNREADABLE] = "unreadable_manifest",
        [CHECK_MISSING] = "missing_object",
        [CHECK_SIZE] = "wrong_size",
        [CHECK_DAMAGED] = "damaged_object",
        [CHECK_TRACK] = "affected_track",
        [CHECK_QUOTA] = "wrong_quota",
    };
    json_t *out = json_pack("{s:s}", "finding", words[finding->fault]);
    const char *const texts[][2] = {{"object", finding->object},
                                    {"account_id", finding->account_id},
                                    {"track_id", finding->track_id},
                                    {"detail", finding->text}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i][1] != NULL && texts[i][1][0] != '\0') {
            (void)json_object_set_new(out, texts[i][0],
                                      json_string(texts[i][1]));
        }
    }
    if (finding->expected_bytes + finding->found_bytes > 0) {
        (void)json_object_set_new(
            out, "expected_bytes",
            json_integer((json_int_t)finding->expected_bytes));
        (void)json_object_set_new(
            out, "found_bytes", json_integer((json_int_t)finding->found_bytes));
    }
    return out;
}

/* The mutex is held. */
static json_t *run_json(const struct run *run)
{
    static const char *const states[] = {[STATE_WANTED] = "running",
                                         [STATE_RUNNING] = "running",
                                         [STATE_DONE] = "done",
                                         [STATE_FAILED] = "failed"};
    bool is_check = run->kind == KIND_CHECK;
    json_t *out = json_pack(
        "{s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "run_id", run->id, "kind",
        is_check ? "check" : "gc", "state", states[run->state], "dry_run",
        run->dry_run, "started_at",
        run->began_ms == 0 ? json_null() : time_json(run->began_ms), "ended_at",
        run->ended_ms == 0 ? json_null() : time_json(run->ended_ms), "counts",
        is_check ? upkeep_check_json(&run->checked)
                 : collect_json(&run->collected));
    if (is_check && !is_open(run)) {
        (void)json_object_set_new(out, "findings",
                                  json_deep_copy(run->findings));
        (void)json_object_set_new(out, "findings_left_out",
                                  json_integer((json_int_t)run->left_out));
    }
    if (run->state == STATE_FAILED) {
        (void)json_object_set_new(out, "error",
                                  json_pack("{s:s, s:s}", "code", run->err.code,
                                            "detail", run->err.text));
    }
    return out;
}

enum status upkeep_report(struct upkeep *upkeep, const char *run_id,
                          unsigned wait_s, json_t **out, struct error *err)
{
    int64_t until_ms = clock_ms(CLOCK_MONOTONIC) + (int64_t)wait_s * 1000;
    enum status status = STATUS_OK;
    assert(wait_s <= UPKEEP_WAIT_MAX_S);
    (void)pthread_mutex_lock(&upkeep->mutex);
    bool waits = !upkeep->is_waited_for;
    upkeep->is_waited_for = true;
    while (waits && !upkeep->stopping && is_open(&upkeep->run) &&
           strcmp(upkeep->run.id, run_id) == 0 &&
           wait_until(upkeep, until_ms)) {
    }
    upkeep->is_waited_for = !waits;
    if (upkeep->run.kind == KIND_NONE || strcmp(upkeep->run.id, run_id) != 0) {
        status = error_set(err, STATUS_NOT_FOUND, "no_run",
                           "there is no such run: the last one alone is kept, "
                           "and not over a restart");
    } else {
        *out = run_json(&upkeep->run);
    }
    (void)pthread_mutex_unlock(&upkeep->mutex);
    return status;
}

/* ---- running ---- */

/* Whether the service ends; the mutex is held. */
static enum status go_on(const struct upkeep *upkeep, struct error *err)
{
    return upkeep->stopping
               ? error_set(err, STATUS_UNAVAILABLE, "closing",
                           "the service ended meanwhile: start it again")
               : STATUS_OK;
}

static enum status note_collected(void *context, enum collect_step step,
                                  const struct collect_counts *counts,
                                  struct error *err)
{
    struct upkeep *upkeep = context;
    (void)step;
    (void)pthread_mutex_lock(&upkeep->mutex);
    upkeep->run.collected = *counts;
    enum status status = go_on(upkeep, err);
    (void)pthread_mutex_unlock(&upkeep->mutex);
    return status;
}

static enum status note_checked(void *context,
                                const struct check_counts *counts,
                                struct error *err)
{
    struct upkeep *upkeep = context;
    (void)pthread_mutex_lock(&upkeep->mutex);
    upkeep->run.checked = *counts;
    enum status status = go_on(upkeep, err);
    (void)pthread_mutex_unlock(&upkeep->mutex);
    return status;
}

static void note_finding(void *context, const struct check_finding *finding)
{
    struct upkeep *upkeep = context;
    (void)pthread_mutex_lock(&upkeep->mutex);
    if (json_array_size(upkeep->run.findings) < UPKEEP_FINDINGS_MAX) {
        (void)json_array_append_new(upkeep->run.findings,
                                    finding_json(finding));
    } else {
        upkeep->run.left_out++;
    }
    (void)pthread_mutex_unlock(&upkeep->mutex);
}

static enum status run_collect(struct upkeep *upkeep, const struct run *wanted,
                               struct error *err)
{
    const struct service *service = upkeep->service;
    struct collect_options options = collect_defaults(UPKEEP_REGION);
    struct collect_counts counts;
    const struct collect_watch watch = {note_collected, upkeep};
    options.grace_ms = wanted->grace_ms;
    options.trash_ms = (int64_t)service->config.trash_days * 24 * HOUR_MS;
    options.dry_run = wanted->dry_run;
    enum status status =
        collect(&counts, upkeep->redis, service->keyring,
                vault_store(service->vault), &options, &watch, err);
    log_event(service->log, status == STATUS_OK ? LOG_INFO : LOG_WARNING,
              "vault_collected",
              "run_id=%s code=%s dry_run=%d purged=%" PRIu64 " removed=%" PRIu64
              " removed_bytes=%" PRIu64 " condemned=%" PRIu64,
              wanted->id, status == STATUS_OK ? "ok" : err->code,
              wanted->dry_run, counts.purged_tracks, counts.removed_count,
              counts.removed_bytes, counts.condemned_count);
    (void)pthread_mutex_lock(&upkeep->mutex);
    upkeep->run.collected = counts;
    (void)pthread_mutex_unlock(&upkeep->mutex);
    return status;
}

static enum status run_check(struct upkeep *upkeep, const struct run *wanted,
                             struct error *err)
{
    const struct service *service = upkeep->service;
    const struct check_options options = {.region = UPKEEP_REGION,
                                          .read_data = wanted->read_data,
                                          .max_duration_s =
                                              wanted->max_duration_s};
    const struct check_watch watch = {note_finding, note_checked, upkeep};
    struct check_counts counts;
    enum status status =
        check(&counts, upkeep->redis, service->keyring,
              vault_store(service->vault), &options, &watch, err);
    bool wrong = check_is_wrong(&counts);
    log_event(service->log,
              status == STATUS_OK && !wrong ? LOG_INFO : LOG_ERROR,
              "vault_checked",
              "run_id=%s code=%s missing=%" PRIu64 " damaged=%" PRIu64
              " unreadable=%" PRIu64 " quotas=%" PRIu64,
              wanted->id, status == STATUS_OK ? "ok" : err->code,
              counts.missing_count, counts.damaged_count + counts.size_count,
              counts.unreadable_count, counts.quota_count);
    (void)pthread_mutex_lock(&upkeep->mutex);
    upkeep->run.checked = counts;
    (void)pthread_mutex_unlock(&upkeep->mutex);
    return status;
}

/* Carries the run out that is wanted. The mutex is held, and let go
 * meanwhile. */
static void carry(struct upkeep *upkeep)
{
    struct error err = {0};
    upkeep->run.state = STATE_RUNNING;
    upkeep->run.began_ms = clock_ms(CLOCK_REALTIME);
    const struct run wanted = upkeep->run;
    (void)pthread_mutex_unlock(&upkeep->mutex);
    enum status status = wanted.kind == KIND_COLLECT
                             ? run_collect(upkeep, &wanted, &err)
                             : run_check(upkeep, &wanted, &err);
    (void)pthread_mutex_lock(&upkeep->mutex);
    upkeep->run.ended_ms = clock_ms(CLOCK_REALTIME);
    upkeep->run.state = status == STATUS_OK ? STATE_DONE : STATE_FAILED;
    upkeep->run.err = err;
    (void)pthread_cond_broadcast(&upkeep->changed);
}

/* Asks for a collector when the last one ended long enough ago. One of another
 * instance counts too; where there never was one, the time begins with this
 * look. */
static void want_if_due(struct upkeep *upkeep, int64_t started_ms)
{
    int64_t last_ms = 0;
    char id[ID_SIZE];
    struct error ignored;
    int64_t every_ms =
        (int64_t)upkeep->service->config.gc_interval_hours * HOUR_MS;
    if (every_ms == 0 || collect_last(upkeep->redis, UPKEEP_REGION, &last_ms,
                                      &ignored) != STATUS_OK) {
        return;
    }
    if (clock_ms(CLOCK_REALTIME) - (last_ms == 0 ? started_ms : last_ms) >
        every_ms) {
        enum status status =
            upkeep_collect(upkeep, collect_defaults(UPKEEP_REGION).grace_ms,
                           false, id, &ignored);
        (void)status; /* one that was asked for goes before */
    }
}

static void *run_all(void *context)
{
    struct upkeep *upkeep = context;
    int64_t started_ms = clock_ms(CLOCK_REALTIME);
    (void)pthread_mutex_lock(&upkeep->mutex);
    while (!upkeep->stopping) {
        if (is_open(&upkeep->run)) {
            carry(upkeep);
            continue;
        }
        int64_t until_ms = clock_ms(CLOCK_MONOTONIC) + LOOK_MS;
        bool waits = true;
        while (waits && !upkeep->stopping && !is_open(&upkeep->run)) {
            waits = wait_until(upkeep, until_ms);
        }
        if (!waits && !upkeep->stopping) {
            (void)pthread_mutex_unlock(&upkeep->mutex);
            want_if_due(upkeep, started_ms);
            (void)pthread_mutex_lock(&upkeep->mutex);
        }
    }
    (void)pthread_mutex_unlock(&upkeep->mutex);
    return NULL;
}

static void release(struct upkeep *upkeep)
{
    redis_close(upkeep->redis);
    json_decref(upkeep->run.findings);
    (void)pthread_cond_destroy(&upkeep->changed);
    (void)pthread_mutex_destroy(&upkeep->mutex);
    free(upkeep);
}

enum status upkeep_start(struct upkeep **out, const struct service *service,
                         struct error *err)
{
    struct upkeep *upkeep = calloc(1, sizeof *upkeep);
    pthread_condattr_t attributes;
    *out = NULL;
    if (upkeep == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to look after the vault: free some");
    }
    upkeep->service = service;
    (void)pthread_mutex_init(&upkeep->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&upkeep->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    enum status status =
        redis_open(&upkeep->redis, service->redis_address, err);
    if (status == STATUS_OK &&
        pthread_create(&upkeep->thread, NULL, run_all, upkeep) != 0) {
        status = error_set(err, STATUS_UNAVAILABLE, "no_thread",
                           "cannot start a thread: raise the limit of "
                           "processes");
    }
    if (status != STATUS_OK) {
        release(upkeep);
        return status;
    }
    *out = upkeep;
    return STATUS_OK;
}

void upkeep_stop(struct upkeep *upkeep)
{
    if (upkeep == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&upkeep->mutex);
    upkeep->stopping = true;
    (void)pthread_cond_broadcast(&upkeep->changed);
    (void)pthread_mutex_unlock(&upkeep->mutex);
    (void)pthread_join(upkeep->thread, NULL);
    release(upkeep);
}
