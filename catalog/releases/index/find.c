/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/index/inside.h"
#include "catalog/releases/index/votes.h"

#include "catalog/redis/keys.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH = 256, /* terms of one pipeline */
    /* Times that a term is asked for again because its segment was replaced:
     * more than once only while merges follow each other without a pause. */
    TRIES = 4,
    /* Terms decide when the best has this many votes, and twice those of the
     * second: by chance a recording shares one term, among ten million three
     * (Poisson, 730 shared postings per million recordings). */
    DECISIVE_VOTES = 8,
    /* Nothing else is worth asking: of the terms that were filed for 236 files
     * of real music 99.97 % lay under a quarter of the range (96 % under an
     * eighth); of a short query all. */
    FILED_BELOW = 1 << (TERM_BITS - 2),
    FEW_TERMS = 256,
    /* Parts of a cluster that do not answer are given up after this. */
    PATIENCE_MS = 1000,
};

enum asked {
    ASKED_NOT,    /* a stop term, or nothing to ask */
    ASKED_BUCKET, /* its bucket is on the way */
    ASKED_AGAIN,  /* its segment is another by now */
    ASKED_LOST,   /* no answer */
};

/* One term of a batch. */
struct ask {
    struct place place;
    enum asked asked;
    uint32_t version;
    struct segment_head head;
    uint32_t offset;
    uint32_t length;
    size_t delta_from; /* in the question's numbers */
    size_t delta_count;
};

struct question {
    struct index *index;
    struct redis *redis;
    uint32_t newer_than;
    bool log_asked; /* the log was read since the question came */
    bool behind;    /* there is more in it */
    uint64_t mark;  /* of the log, when the first terms were counted */
    struct votes votes;
    struct ask asks[BATCH];
    size_t count;
    uint32_t *numbers; /* owned; what the delta says of the batch */
    size_t number_count;
    size_t number_capacity;
    size_t answers; /* that came, from Redis or the mirror */
    bool degraded;
    uint64_t give_up_ms; /* 0: nothing was lost so far */
    struct error lost;
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory to ask the index: give the service more");
}

/* ---- voting ---- */

static enum status vote(struct question *question, uint32_t number,
                        struct error *err)
{
    return number > question->newer_than
               ? votes_add(&question->votes, number, err)
               : STATUS_OK;
}

/* Two ascending rows; who is in both votes once. */
static enum status vote_all(struct question *question, const uint32_t *base,
                            size_t base_count, const uint32_t *delta,
                            size_t delta_count, struct error *err)
{
    enum status status = STATUS_OK;
    if (base_count + delta_count > SEGMENT_TERM_MAX) {
        return STATUS_OK; /* a stop term */
    }
    for (size_t i = 0, j = 0;
         (i < base_count || j < delta_count) && status == STATUS_OK;) {
        uint32_t left = i < base_count ? base[i] : UINT32_MAX;
        uint32_t right = j < delta_count ? delta[j] : UINT32_MAX;
        status = vote(question, left < right ? left : right, err);
        i += left <= right;
        j += right <= left;
    }
    return status;
}

static enum status vote_term(struct question *question, const struct ask *ask,
                             const uint8_t *bytes, struct error *err)
{
    uint32_t base[SEGMENT_TERM_MAX];
    size_t count = 0;
    enum status status = STATUS_OK;
    if (ask->length > 0) {
        status = segment_numbers(&ask->head, ask->place.rest, bytes,
                                 ask->length, base, &count, err);
    }
    if (status != STATUS_OK) {
        error_context(err, "segment %03x, version %u",
                      (unsigned)ask->place.segment, (unsigned)ask->version);
        return status;
    }
    return vote_all(question, base, count, question->numbers + ask->delta_from,
                    ask->delta_count, err);
}

/* ---- looking at what is here ---- */

static enum status numbers_reserve(struct question *question, struct error *err)
{
    size_t needed = question->number_count + DELTA_NUMBERS_MAX;
    if (needed <= question->number_capacity) {
        return STATUS_OK;
    }
    size_t capacity = needed * 2;
    uint32_t *grown = realloc(question->numbers, capacity * sizeof *grown);
    if (grown == NULL) {
        return no_memory(err);
    }
    question->numbers = grown;
    question->number_capacity = capacity;
    return STATUS_OK;
}

/* Where the terms' buckets are. */
static void locate(struct question *question)
{
    struct index *index = question->index;
    (void)pthread_rwlock_rdlock(&index->lock);
    for (size_t i = 0; i < question->count; i++) {
        struct ask *ask = &question->asks[i];
        const struct index_segment *segment =
            &index->segments[ask->place.segment];
        uint32_t bucket = segment_bucket(&segment->map, ask->place.rest);
        bool is_stop = segment_is_stop(&segment->map, ask->place.rest);
        ask->asked = is_stop ? ASKED_NOT : ASKED_BUCKET;
        ask->version = segment->version;
        ask->head = segment->map.head;
        ask->offset = segment_offset(&segment->map, bucket);
        ask->length = segment_length(&segment->map, bucket);
    }
    (void)pthread_rwlock_unlock(&index->lock);
}

/* What the log has said of a term; when its segment is a new one meanwhile,
 * what was asked of the old one does not go with it. */
static enum status look_at_delta(struct question *question, struct ask *ask,
                                 struct error *err)
{
    const struct index *index = question->index;
    if (ask->asked != ASKED_BUCKET) {
        return STATUS_OK;
    }
    const struct index_segment *segment = &index->segments[ask->place.segment];
    if (segment->version != ask->version) {
        ask->asked = ASKED_AGAIN;
        return STATUS_OK;
    }
    enum status status = numbers_reserve(question, err);
    if (status == STATUS_OK) {
        ask->delta_from = question->number_count;
        delta_numbers(&index->delta, ask->place,
                      question->numbers + question->number_count,
                      &ask->delta_count);
        question->number_count += ask->delta_count;
    }
    if (status == STATUS_OK && index->mirrored) {
        ask->asked = ASKED_NOT;
        question->answers++;
        status = vote_term(
            question, ask,
            ask->length == 0 ? NULL : segment->bytes + ask->offset, err);
    }
    return status;
}

static enum status look(struct question *question, struct error *err)
{
    struct index *index = question->index;
    enum status status = STATUS_OK;
    question->number_count = 0;
    (void)pthread_rwlock_rdlock(&index->lock);
    if (question->mark == 0) {
        question->mark = index->mark;
    }
    for (size_t i = 0; i < question->count && status == STATUS_OK; i++) {
        status = look_at_delta(question, &question->asks[i], err);
    }
    (void)pthread_rwlock_unlock(&index->lock);
    return status;
}

/* ---- asking Redis ---- */

static enum status send_bucket(struct question *question, const struct ask *ask,
                               struct error *err)
{
    struct key key = key_index_segment(ask->place.segment, ask->version);
    struct redis_number first;
    struct redis_number last;
    const struct redis_arg args[] = {
        redis_text("GETRANGE"), redis_text(key.text),
        redis_integer(&first, ask->offset),
        redis_integer(&last, (int64_t)ask->offset + ask->length - 1)};
    return redis_send(question->redis, args, 4, err);
}

static bool is_sent(const struct question *question, const struct ask *ask)
{
    return !question->index->mirrored && ask->asked == ASKED_BUCKET &&
           ask->length > 0;
}

static enum status receive_bucket(struct question *question, struct ask *ask,
                                  struct error *err)
{
    struct redis_reply *reply = NULL;
    size_t length = 0;
    enum status status = redis_receive(question->redis, &reply, err);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *bytes = (const uint8_t *)redis_reply_bytes(reply, &length);
    question->answers++;
    if (length != ask->length) {
        ask->asked = ASKED_AGAIN; /* replaced, and ended */
    }
    if (ask->asked == ASKED_BUCKET) {
        ask->asked = ASKED_NOT;
        status = vote_term(question, ask, bytes, err);
    }
    redis_reply_free(reply);
    return status;
}

/* The log is read in the same round trip, before the delta is looked at: the
 * query sees what was filed before it began. */
static enum status read_log(struct question *question, struct error *err)
{
    bool more = false;
    enum status status =
        index_log_receive(question->index, question->redis, &more, err);
    question->log_asked = status == STATUS_OK;
    question->answers += question->log_asked;
    question->behind = more;
    return status;
}

/* What is sent must be received, whatever becomes of it: redis_cancel() at the
 * end of index_find() gives up the rest of a batch that failed. */
static enum status ask_batch(struct question *question, struct error *err)
{
    bool sent[BATCH] = {false};
    bool with_log = !question->log_asked;
    enum status status = STATUS_OK;
    locate(question);
    if (with_log) {
        status = index_log_send(question->index, question->redis, err);
    }
    for (size_t i = 0; i < question->count && status == STATUS_OK; i++) {
        sent[i] = is_sent(question, &question->asks[i]);
        if (sent[i]) {
            status = send_bucket(question, &question->asks[i], err);
        }
    }
    if (with_log && status == STATUS_OK) {
        status = read_log(question, err);
    }
    if (status == STATUS_OK) {
        status = look(question, err);
    }
    for (size_t i = 0; i < question->count && status == STATUS_OK; i++) {
        struct ask *ask = &question->asks[i];
        if (sent[i]) {
            status = receive_bucket(question, ask, err);
        } else if (ask->asked == ASKED_BUCKET) {
            ask->asked = ASKED_NOT;
            status = vote_term(question, ask, NULL, err);
        }
    }
    return status;
}

/* After Redis failed in the middle of a batch: its terms one by one, so that
 * those whose part of a cluster is there still count. */
static enum status ask_one_by_one(struct question *question, struct error *err)
{
    enum status status = STATUS_OK;
    if (question->give_up_ms == 0) {
        question->give_up_ms = index_now_ms() + PATIENCE_MS;
    }
    if (!question->log_asked) {
        question->log_asked = true; /* it was tried */
        question->degraded = true;
    }
    for (size_t i = 0; i < question->count && status == STATUS_OK; i++) {
        struct ask *ask = &question->asks[i];
        if (ask->asked == ASKED_BUCKET && ask->length > 0 &&
            !question->index->mirrored) {
            status = index_now_ms() < question->give_up_ms
                         ? send_bucket(question, ask, &question->lost)
                         : STATUS_UNAVAILABLE;
            if (status == STATUS_OK) {
                status = receive_bucket(question, ask, &question->lost);
            }
            if (status == STATUS_UNAVAILABLE) {
                question->degraded = true;
                ask->asked = ASKED_LOST;
                status = STATUS_OK;
            }
        } else if (ask->asked == ASKED_BUCKET) {
            ask->asked = ASKED_NOT;
            status = vote_term(question, ask, NULL, err);
        }
    }
    return status;
}

/* Keeps only those that are to be asked for again. */
static void keep_again(struct question *question)
{
    size_t kept = 0;
    for (size_t i = 0; i < question->count; i++) {
        if (question->asks[i].asked == ASKED_AGAIN) {
            question->asks[kept++] = question->asks[i];
        }
    }
    question->count = kept;
}

static enum status ask_until_answered(struct question *question,
                                      struct error *err)
{
    enum status status = STATUS_OK;
    for (int i = 0; i < TRIES && question->count > 0 && status == STATUS_OK;
         i++) {
        if (i > 0) {
            status = index_refresh(question->index, question->redis, true, err);
        }
        if (status == STATUS_OK) {
            status = ask_batch(question, &question->lost);
        }
        if (status == STATUS_UNAVAILABLE) {
            status = look(question, err);
            if (status == STATUS_OK) {
                status = ask_one_by_one(question, err);
            }
        } else if (status != STATUS_OK && err != NULL) {
            *err = question->lost;
        }
        if (question->behind && status == STATUS_OK) {
            return STATUS_OK;
        }
        keep_again(question);
    }
    if (status == STATUS_OK && question->count > 0) {
        return error_set(err, STATUS_CORRUPT, "index_segment",
                         "segment %03x of the index, version %u, is missing in "
                         "Redis or cut off: rebuild the index from the stored "
                         "fingerprints, or restore Redis",
                         (unsigned)question->asks[0].place.segment,
                         (unsigned)question->asks[0].version);
    }
    return status;
}

/* ---- the question ---- */

/* Terms from `from` on, below `until`. */
static enum status ask_terms(struct question *question,
                             const struct terms *terms, size_t from,
                             size_t until, struct error *err)
{
    enum status status = STATUS_OK;
    while (from < until && status == STATUS_OK && !question->behind) {
        question->count = 0;
        for (; from < until && question->count < BATCH; from++) {
            question->asks[question->count++] =
                (struct ask){.place = place_of(terms->values[from])};
        }
        status = ask_until_answered(question, err);
    }
    return status;
}

static bool is_removed(const void *context, uint32_t number)
{
    const struct question *question = context;
    return delta_is_removed(&question->index->delta, number, question->mark);
}

static void count_votes(struct question *question, struct index_found *out)
{
    (void)pthread_rwlock_rdlock(&question->index->lock);
    out->count =
        votes_best(&question->votes, is_removed, question, out->candidates);
    (void)pthread_rwlock_unlock(&question->index->lock);
}

static bool is_decided(const struct index_found *found)
{
    uint32_t first = found->count > 0 ? found->candidates[0].term_count : 0;
    uint32_t second = found->count > 1 ? found->candidates[1].term_count : 0;
    return first >= DECISIVE_VOTES && first / 2 >= second;
}

/* How many of the terms may be filed at all. */
static size_t worth_asking(const struct terms *terms)
{
    size_t count =
        terms->count < INDEX_TERMS_MAX ? terms->count : (size_t)INDEX_TERMS_MAX;
    while (count > FEW_TERMS && terms->values[count - 1] >= FILED_BELOW) {
        count--;
    }
    return count;
}

/* A few terms first, then four times as many, until they decide or are all. */
static enum status ask_all(struct question *question, const struct terms *terms,
                           struct index_found *out, struct error *err)
{
    const size_t all = worth_asking(terms);
    size_t until = INDEX_FIRST_TERMS;
    enum status status = STATUS_OK;
    out->asked_terms = 0;
    do {
        until = until < all ? until : all;
        status = ask_terms(question, terms, out->asked_terms, until, err);
        out->asked_terms = until;
        until *= 4;
        if (status == STATUS_OK) {
            count_votes(question, out);
        }
    } while (status == STATUS_OK && out->asked_terms < all &&
             !question->behind && !is_decided(out));
    return status;
}

static void forget_votes(struct question *question)
{
    votes_clear(&question->votes);
    question->mark = 0;
    question->behind = false;
}

/* When the versions cannot be looked at but once were, what is known still
 * answers for the parts of the index that can be reached. */
static enum status begin(struct question *question, struct error *err)
{
    struct index *index = question->index;
    enum status status =
        index_refresh(index, question->redis, false, &question->lost);
    (void)pthread_rwlock_rdlock(&index->lock);
    bool is_known = index->checked_ms > 0;
    (void)pthread_rwlock_unlock(&index->lock);
    if (status == STATUS_UNAVAILABLE && is_known) {
        question->degraded = true;
        return STATUS_OK;
    }
    if (status != STATUS_OK && err != NULL) {
        *err = question->lost;
    }
    return status;
}

enum status index_find(struct index *index, struct redis *redis,
                       const struct index_query *query, struct index_found *out,
                       struct error *err)
{
    *out = (struct index_found){0};
    if (query->terms->count == 0) {
        return STATUS_OK;
    }
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL) {
        return no_memory(err);
    }
    question->index = index;
    question->redis = redis;
    question->newer_than = query->newer_than;
    enum status status = begin(question, err);
    if (status == STATUS_OK) {
        status = ask_all(question, query->terms, out, err);
    }
    if (status == STATUS_OK && question->behind) {
        /* much has come since this process last looked: first read that */
        status = index_catch_up(index, redis, err);
        forget_votes(question);
        if (status == STATUS_OK) {
            status = ask_all(question, query->terms, out, err);
        }
    }
    if (status == STATUS_OK && question->degraded && question->answers == 0) {
        status = STATUS_UNAVAILABLE;
        if (err != NULL) {
            *err = question->lost;
        }
    }
    out->degraded = question->degraded;
    if (status != STATUS_OK) {
        *out = (struct index_found){0};
    }
    redis_cancel(redis); /* after a failure of our own, replies are to come */
    votes_clear(&question->votes);
    free(question->numbers);
    free(question);
    return status;
}
