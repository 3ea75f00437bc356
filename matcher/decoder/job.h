/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODER_JOB_H
#define REFRAIN_MATCHER_DECODER_JOB_H

#include "matcher/status.h"

#include <stdbool.h>
#include <sys/types.h>

/** What a job's process does, from the first to the last: it locks itself in,
 *  decodes what is on JOB_FILE_FD, tells facts and fingerprint on
 *  JOB_SOCKET_FD, answers requests, and is over when the socket is. No stdio
 *  here: its first use asks for system calls that are refused. */

enum { JOB_FILE_FD = 0, JOB_SOCKET_FD = 3 };

/** Does before any job what every job would do: FFmpeg's and Chromaprint's
 *  first use is slow, and asks for system calls that are refused later. */
MUST_USE enum status job_prepare(struct error *err);

/** parent  whose end is this process' end
 *  False: something went wrong; it was told on the socket where there is
 *  one. */
bool job_run(pid_t parent);

#endif
