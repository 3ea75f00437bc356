/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_FUZZ_FUZZ_H
#define REFRAIN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** What every fuzz target defines; libFuzzer and replay.c call it. Returns 0;
 *  a finding is an abort. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#endif
