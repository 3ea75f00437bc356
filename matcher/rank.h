/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_RANK_H
#define REFRAIN_MATCHER_RANK_H

#include <stddef.h>
#include <stdint.h>

/** The value that `rank` others are not above, were they sorted: rank 0 the
 *  smallest, count / 2 the median. count is 1 or more, rank under it. Reads
 *  the values twice, whatever their order. */
int16_t rank_select(const int16_t *values, size_t count, size_t rank);

#endif
