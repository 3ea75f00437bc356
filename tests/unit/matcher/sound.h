/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_UNIT_MATCHER_SOUND_H
#define REFRAIN_TESTS_UNIT_MATCHER_SOUND_H

#include "matcher/fingerprint.h"
#include "matcher/status.h"

#include <stddef.h>

/** Sound files for tests, made by compose, ffmpeg, sox and fpcalc in a private
 *  folder. Whatever fails ends the test with what was asked for. */

enum { SOUND_PATH_SIZE = 4096 };

/** For cmocka_run_group_tests: makes the folder and enters it; leaves and
 *  removes it. */
int sound_set_up(void **state);
int sound_tear_down(void **state);

/** Runs a line of bash in the folder; $compose is the composer, which writes a
 *  piece of music for SEED SECONDS. */
void sound_run(const char *format, ...) PRINTF_LIKE(1, 2);
/** Opens a file of the folder for reading; close() it. */
int sound_open(const char *name);
/** What `fpcalc -raw -length 0` says of a file. fingerprint_clear() it; it has
 *  no levels. */
struct fingerprint sound_fpcalc(const char *name);
/** A program of the build's folder "bin" or "tests". */
const char *sound_program(const char *folder_name, const char *name);

#endif
