/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_METRICS_H
#define REFRAIN_API_METRICS_H

#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stdint.h>

/** Counters for Prometheus (text format 0.0.4). Lock-free, thread-safe. */
struct metrics;

enum metric {
    METRIC_REQUESTS_2XX,
    METRIC_REQUESTS_3XX,
    METRIC_REQUESTS_4XX,
    METRIC_REQUESTS_5XX,
    METRIC_BYTES_SENT,
    METRIC_UPLOADS_ACCEPTED,
    METRIC_UPLOADS_MATCHED,
    METRIC_UPLOADS_UPLOADED,
    METRIC_UPLOADS_DUPLICATE,
    METRIC_UPLOADS_INELIGIBLE,
    METRIC_UPLOADS_ERROR,
    METRIC_RESCANS_ASKED,
    METRIC_RESCANS_UPGRADED,
    METRIC_DECODER_HOSTILE,
    METRIC_REDIS_UNAVAILABLE,
    METRIC_CONNECTIONS_OPEN, /* a gauge: add 1 and -1 */
    METRIC_COUNT
};

MUST_USE enum status metrics_open(struct metrics **out, struct error *err);
void metrics_close(struct metrics *metrics);
void metrics_add(struct metrics *metrics, enum metric metric, int64_t amount);
MUST_USE enum status metrics_print(const struct metrics *metrics,
                                   struct buffer *out, struct error *err);

#endif
