/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/s3/call.h"

#include "catalog/vault/s3/backoff.h"
#include "catalog/vault/s3/breaker.h"
#include "catalog/vault/s3/xml.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ONCE_TIMEOUT_MS = 5000 };

struct s3_caller {
    struct s3_http *http; /* owned */
    unsigned timeout_ms;
    unsigned tries_max;
    pthread_mutex_t lock; /* over what follows */
    struct breaker breaker;
    struct error last; /* why it is open */
};

enum status s3_caller_open(struct s3_caller **out,
                           const struct store_s3_config *config, bool https,
                           struct error *err)
{
    *out = NULL;
    struct s3_caller *caller = calloc(1, sizeof *caller);
    if (caller == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory for the store");
    }
    enum status status = s3_http_open(&caller->http, config, https, err);
    if (status != STATUS_OK) {
        free(caller);
        return status;
    }
    caller->timeout_ms =
        config->timeout_ms != 0 ? config->timeout_ms : STORE_S3_TIMEOUT_MS;
    caller->tries_max =
        config->tries_max != 0 ? config->tries_max : STORE_S3_TRIES;
    (void)pthread_mutex_init(&caller->lock, NULL);
    *out = caller;
    return STATUS_OK;
}

void s3_caller_close(struct s3_caller *caller)
{
    if (caller == NULL) {
        return;
    }
    s3_http_close(caller->http);
    (void)pthread_mutex_destroy(&caller->lock);
    free(caller);
}

/* *tries is lowered to 1 for who finds out whether the store is back. */
static enum status ask_breaker(struct s3_caller *caller, unsigned *tries,
                               struct error *err)
{
    enum status status = STATUS_OK;
    (void)pthread_mutex_lock(&caller->lock);
    switch (breaker_ask(&caller->breaker, s3_now_ms())) {
    case BREAKER_REFUSE:
        status = error_set(err, STATUS_UNAVAILABLE, caller->last.code, "%s",
                           caller->last.text);
        break;
    case BREAKER_TRY:
        *tries = 1;
        break;
    case BREAKER_GO:
        break;
    }
    (void)pthread_mutex_unlock(&caller->lock);
    if (status != STATUS_OK) {
        error_context(err, "not asked just now, after %d failures",
                      BREAKER_FAILURES);
    }
    return status;
}

/* One try, and what came of it. */
struct attempt {
    enum status status;
    enum s3_outcome outcome;
    bool answered; /* by the store, be it with a refusal */
    struct error why;
};

/* That all connections are in use says nothing about the store. */
static void tell_breaker(struct s3_caller *caller,
                         const struct attempt *attempt)
{
    bool failed =
        strcmp(attempt->why.code, "store_unreachable") == 0 ||
        (attempt->answered && strcmp(attempt->why.code, "store_busy") == 0);
    (void)pthread_mutex_lock(&caller->lock);
    if (failed) {
        breaker_failed(&caller->breaker, s3_now_ms());
        caller->last = attempt->why;
    } else if (attempt->answered) {
        breaker_answered(&caller->breaker);
    }
    (void)pthread_mutex_unlock(&caller->lock);
}

static void sleep_ms(int64_t wait_ms)
{
    struct timespec wait = {.tv_sec = wait_ms / 1000,
                            .tv_nsec = wait_ms % 1000 * 1000000};
    while (nanosleep(&wait, &wait) != 0 && errno == EINTR) {
    }
}

static void judge(struct attempt *attempt, const struct s3_answer *answer)
{
    char code[S3_CODE_SIZE] = "";
    if (answer->http_status >= 300) {
        s3_error_code(code, answer->body.bytes, answer->body.length);
    }
    struct s3_verdict verdict = s3_judge(answer->http_status, code);
    attempt->outcome = verdict.outcome;
    if (verdict.code != NULL) {
        attempt->status =
            error_set(&attempt->why, STATUS_UNAVAILABLE, verdict.code,
                      "%s (HTTP %ld%s%s)", verdict.text, answer->http_status,
                      code[0] != '\0' ? " " : "", code);
    }
}

static void try_once(struct s3_caller *caller, const struct s3_request *request,
                     int64_t deadline_ms, struct s3_answer *answer,
                     struct attempt *out)
{
    *out = (struct attempt){0};
    out->status =
        s3_http_perform(caller->http, request, deadline_ms, answer, &out->why);
    out->answered = out->status == STATUS_OK;
    if (out->answered) {
        judge(out, answer);
    } else {
        out->outcome = strcmp(out->why.code, "store_unreachable") == 0
                           ? S3_AGAIN
                           : S3_REFUSED;
    }
}

static enum status finish(const struct attempt *attempt,
                          const struct s3_request *request, unsigned tries,
                          bool *missing, struct error *err)
{
    if (attempt->outcome == S3_MISSING && missing == NULL) {
        return error_set(err, STATUS_UNAVAILABLE, "chunk_missing",
                         "a stored chunk is missing: restore the vault from a "
                         "backup, or upload the song again");
    }
    if (missing != NULL) {
        *missing = attempt->outcome == S3_MISSING;
    }
    if (attempt->status != STATUS_OK) {
        (void)error_set(err, attempt->status, attempt->why.code, "%s",
                        attempt->why.text);
        error_context(err, "%s, try %u", request->method, tries);
    }
    return attempt->status;
}

static enum status call(struct s3_caller *caller,
                        const struct s3_request *request, unsigned tries,
                        int64_t deadline_ms, bool *missing,
                        struct s3_answer *out, struct error *err)
{
    enum status status = ask_breaker(caller, &tries, err);
    if (status != STATUS_OK) {
        return status;
    }
    struct backoff backoff;
    struct attempt attempt;
    backoff_init(&backoff, tries, deadline_ms);
    for (;;) {
        uint64_t random = 0;
        int64_t wait_ms = 0;
        try_once(caller, request, deadline_ms, out, &attempt);
        crypto_random(&random, sizeof random);
        if (attempt.outcome != S3_AGAIN ||
            !backoff_next(&backoff, s3_now_ms(), out->retry_after_ms, random,
                          &wait_ms)) {
            break;
        }
        sleep_ms(wait_ms);
    }
    tell_breaker(caller, &attempt);
    unsigned done = backoff.tries_done + (attempt.outcome == S3_AGAIN ? 0 : 1);
    return finish(&attempt, request, done, missing, err);
}

enum status s3_call(struct s3_caller *caller, const struct s3_request *request,
                    bool *missing, struct s3_answer *out, struct error *err)
{
    return call(caller, request, caller->tries_max,
                s3_now_ms() + caller->timeout_ms, missing, out, err);
}

enum status s3_call_once(struct s3_caller *caller,
                         const struct s3_request *request,
                         struct s3_answer *out, struct error *err)
{
    int64_t timeout_ms = caller->timeout_ms < ONCE_TIMEOUT_MS
                             ? caller->timeout_ms
                             : ONCE_TIMEOUT_MS;
    return call(caller, request, 1, s3_now_ms() + timeout_ms, NULL, out, err);
}
