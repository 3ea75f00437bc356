/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_UPKEEP_H
#define REFRAIN_API_UPKEEP_H

#include "api/service.h"
#include "catalog/upkeep/check.h"
#include "catalog/upkeep/collect.h"

#include <jansson.h>

/** The runs over the vault (catalog/upkeep), on a thread of their own: one at a
 *  time, when the operator asks, and a collector every gc_interval_hours.
 *  Thread-safe. */
struct upkeep;

enum {
    UPKEEP_WAIT_MAX_S = 10,
    UPKEEP_FINDINGS_MAX = 1000, /* kept of one check; more are counted */
};

MUST_USE enum status upkeep_start(struct upkeep **out,
                                  const struct service *service,
                                  struct error *err);
/** Ends a run at its next step: what it had begun is ended by the next. NULL
 *  is fine. */
void upkeep_stop(struct upkeep *upkeep);

/** Begin a run; out_id is its id. STATUS_CONFLICT "vault_running": there is one
 *  already, or about to be. */
MUST_USE enum status upkeep_collect(struct upkeep *upkeep, int64_t grace_ms,
                                    bool dry_run, char out_id[ID_SIZE],
                                    struct error *err);
MUST_USE enum status upkeep_check(struct upkeep *upkeep, bool read_data,
                                  uint32_t max_duration_s, char out_id[ID_SIZE],
                                  struct error *err);

/** The last run as JSON, a new reference: how far it is, or its result. Waits
 *  up to wait_s (UPKEEP_WAIT_MAX_S) for its end; of several who ask at once one
 *  waits, so that no more than one thread does.
 *  STATUS_NOT_FOUND "no_run": another has begun since, or the service. */
MUST_USE enum status upkeep_report(struct upkeep *upkeep, const char *run_id,
                                   unsigned wait_s, json_t **out,
                                   struct error *err);

/** The figures of a check as JSON; a new reference. */
json_t *upkeep_check_json(const struct check_counts *counts);

#endif
