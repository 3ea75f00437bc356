/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_DECODER_FORKER_H
#define REFRAIN_MATCHER_DECODER_FORKER_H

#include <stdbool.h>
#include <stddef.h>

/** A refrain-decoder that has linked and warmed up, reads no file itself, and
 *  forks a process for every job: 2 ms instead of the 40 ms of CPU that a
 *  start of the program costs. The pool's side of it. Its jobs end when it
 *  ends, and it ends when the pool's end of its socket is closed: nothing
 *  outlives the pool's program, whatever ended that.
 *
 *  One thread at a time. Functions give 0 or an errno. */
struct forker {
    int pid;
    int socket;
    size_t job_count; /* the pool's: jobs that are not over */
};

/** Starts `program`; without any variable or descriptor of ours. out: the
 *  caller's on 0, forker_close() it. */
int forker_open(struct forker **out, char *program);
/** Has a process forked that works on `file` and talks on `socket` (both
 *  borrowed). *process: a pidfd of it, owned by the caller: the process is
 *  ended by forker_end_job().
 *  EPIPE  the forker has ended: open another */
int forker_start_job(struct forker *forker, int file, int socket, int *process);
/** Kills a job, waits until it is gone, closes `process`. Needs no lock, and no
 *  forker that is alive. */
void forker_end_job(int process);
/** Whether it still runs. Needs no lock. */
bool forker_alive(const struct forker *forker);
/** Ends it and what is left of its jobs. NULL is fine. */
void forker_close(struct forker *forker);

#endif
