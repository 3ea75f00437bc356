/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_JOBS_H
#define REFRAIN_API_JOBS_H

#include "api/service.h"

/** The way of a song: takes waiting uploads from the queue and carries each
 *  through decode, candidates, verdict and vault into its library; and tracks
 *  that are to be asked again (rescan_track.h). A pool of threads, each with
 * its own Redis connection. */
struct jobs;

/** Sweeps the spool first: what a crash left behind is queued again or, when
 *  nobody was promised it, removed. */
MUST_USE enum status
jobs_start(struct jobs **out, const struct service *service, struct error *err);
/** Lets running jobs finish; waiting ones stay in the queue. NULL is fine. */
void jobs_stop(struct jobs *jobs);

#endif
