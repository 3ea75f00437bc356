/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_LEVELS_H
#define REFRAIN_MATCHER_LEVELS_H

#include <stddef.h>
#include <stdint.h>

/** How loud audio is, hop by hop (pure). */

/** Forty decibels under the loud tenth is quiet (measured: at most 7 % of the
 *  items of real music). */
enum { LEVELS_QUIET_STEPS = 20 };

/** Fills levels[0 .. count / FINGERPRINT_HOP_SAMPLES): the power of one hop
 *  under a Hann window, from about 100 Hz on, in steps of 2 dB over one unit of
 *  the sample: 0 is digital silence. The band's upper end, below 5 kHz, is
 *  where the decoder's resampler has left off. */
void levels_measure(uint8_t *levels, const int16_t *samples, size_t count);

/** The level that a tenth of `levels` reach; 0 for none. */
uint8_t levels_loud(const uint8_t *levels, size_t count);

#endif
