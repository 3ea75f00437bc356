/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODER_SANDBOX_H
#define REFRAIN_MATCHER_DECODER_SANDBOX_H

#include "matcher/status.h"

#include <sys/types.h>

/** Gives away everything that decoding does not need. libseccomp's home. What
 *  each layer is for: matcher/README.md, "Sandbox". */

/** Closes every descriptor above `last`. */
void sandbox_close_files(int last);

/** Limits, another user when root, no privileges, no files, and 16 system
 *  calls; any other ends the process with SIGSYS. For a process of one thread.
 *  After it: read and write on open descriptors, memory, the clock, exit.
 *  parent  whose end is this process' end; ends at once when it is gone
 *  STATUS_UNAVAILABLE "no_sandbox": the machine refuses a layer (Landlock may
 *  be missing: the filter forbids opening files anyway). Nothing may be
 *  decoded then. */
MUST_USE enum status sandbox_enter(pid_t parent, struct error *err);

#endif
