/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_RESCAN_H
#define REFRAIN_API_RESCAN_H

#include "api/service.h"

/** Asks the unmatched again when the catalog got more. One thread: when the
 *  count of arrivals has grown, and at the start, it walks all accounts that
 *  have unmatched tracks, lays the stored fingerprint of each against what
 *  arrived since that track was asked, and gives the promising ones a job in
 *  the queue, where any instance takes it (rescan_track.h).
 *
 *  Uploads go before: it adds jobs only while few are waiting. Of several
 *  instances one walks at a time; the others then find nothing left to ask. A
 *  track counts as asked when it has its job, so nothing is lost by a crash,
 *  and nothing is asked for ever. */
struct rescan;

MUST_USE enum status rescan_start(struct rescan **out,
                                  const struct service *service,
                                  struct error *err);
/** Ends after the track that it is looking at. NULL is fine. */
void rescan_stop(struct rescan *rescan);

#endif
