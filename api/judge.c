/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/judge.h"

#include "matcher/align.h"
#include "matcher/identity.h"

#include <stdlib.h>

/* The tries, in the order in which they are made. */
static const enum attempt tries[] = {ATTEMPT_FIRST, ATTEMPT_NEIGHBOURS};
enum { TRY_COUNT = sizeof tries / sizeof tries[0] };

/* An answer of half the index is good when it is a yes. A no would be kept for
 * ever: only recordings that come later are asked about again. */
static enum status refuse_degraded(struct error *err)
{
    return error_set(err, STATUS_UNAVAILABLE, "index_degraded",
                     "parts of the catalog's index do not answer: bring all "
                     "nodes of Redis back");
}

void judged_clear(struct judged *judged)
{
    nearest_clear(&judged->nearest);
    *judged = (struct judged){
        .verdict = {.best = VERDICT_NONE, .runner_up = VERDICT_NONE}};
}

static enum status match(struct judged *judged, const struct service *service,
                         struct decoder *decoder, struct error *err)
{
    struct nearest_masters masters = {
        .nearest = &judged->nearest,
        .masters_folder = service->masters_folder,
        .decoders = service->master_decoders,
        .log = service->log,
    };
    const struct reference_source source = nearest_source(&masters);
    return decoder_match(&judged->verdict, decoder, judged->nearest.references,
                         judged->nearest.count, &source, err);
}

enum status judge_song(struct judged *out, const struct service *service,
                       struct redis *redis, struct decoder *decoder,
                       struct error *err)
{
    struct nearest_query query = {.index = service->index,
                                  .redis = redis,
                                  .print = decoder_fingerprint(decoder)};
    enum status status = STATUS_OK;
    bool degraded = false;
    *out = (struct judged){0};
    for (size_t i = 0; i < TRY_COUNT; i++) {
        judged_clear(out);
        out->attempt = query.attempt = tries[i];
        status = nearest_find(&out->nearest, &query, err);
        if (status == STATUS_OK) {
            status = match(out, service, decoder, err);
        }
        if (status != STATUS_OK || out->verdict.kind != VERDICT_UNMATCHED) {
            break;
        }
        degraded = degraded || out->nearest.degraded;
    }
    if (status == STATUS_OK && out->verdict.kind == VERDICT_UNMATCHED &&
        degraded) {
        status = refuse_degraded(err);
    }
    if (status != STATUS_OK) {
        judged_clear(out);
    }
    return status;
}

static enum status any_is_promising(bool *out, const struct nearest *nearest,
                                    const struct fingerprint *print,
                                    struct error *err)
{
    *out = false;
    for (size_t i = 0; i < nearest->count && !*out; i++) {
        const struct fingerprint *stored = &nearest->references[i].print;
        struct alignment alignment;
        enum status status = align_prints(&alignment, print, stored, err);
        if (status != STATUS_OK) {
            return status;
        }
        *out = identity_is_promising(&alignment, print, stored);
    }
    return STATUS_OK;
}

enum status judge_is_worth(bool *out, const struct service *service,
                           struct redis *redis, const struct fingerprint *print,
                           uint32_t newer_than, struct error *err)
{
    struct nearest *nearest = calloc(1, sizeof *nearest);
    struct nearest_query query = {.index = service->index,
                                  .redis = redis,
                                  .print = print,
                                  .newer_than = newer_than};
    enum status status = STATUS_OK;
    bool degraded = false;
    *out = false;
    if (nearest == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to look a song up: try later");
    }
    for (size_t i = 0; i < TRY_COUNT && status == STATUS_OK && !*out; i++) {
        query.attempt = tries[i];
        status = nearest_find(nearest, &query, err);
        if (status == STATUS_OK) {
            status = any_is_promising(out, nearest, print, err);
            degraded = degraded || nearest->degraded;
        }
        nearest_clear(nearest);
    }
    free(nearest);
    return status == STATUS_OK && !*out && degraded ? refuse_degraded(err)
                                                    : status;
}
