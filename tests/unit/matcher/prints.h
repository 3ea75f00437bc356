/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_UNIT_MATCHER_PRINTS_H
#define REFRAIN_TESTS_UNIT_MATCHER_PRINTS_H

#include "matcher/fingerprint.h"

#include <stddef.h>
#include <stdint.h>

/** Fingerprints that no sound made, for tests of what is done with them. All
 *  are the caller's: fingerprint_clear() them. A failed allocation ends the
 *  test program. */

/** Items without relation, levels between 60 and 76 dB; `seed` names them. */
struct fingerprint prints_random(uint64_t seed, size_t item_count);
/** The same item, equally loud, `item_count` times. */
struct fingerprint prints_constant(uint32_t item, uint8_t level,
                                   size_t item_count);
/** Items [first, first + item_count) of another. */
struct fingerprint prints_slice(const struct fingerprint *print, size_t first,
                                size_t item_count);
/** One behind the other. */
struct fingerprint prints_join(const struct fingerprint *a,
                               const struct fingerprint *b);
/** Flips bits of items [first, first + item_count) so that a share of `rate`
 *  of them differs, evenly spread. */
void prints_spoil(struct fingerprint *print, size_t first, size_t item_count,
                  double rate);
/** How long the sound of such a print is. */
uint32_t prints_duration_ms(const struct fingerprint *print);

#endif
