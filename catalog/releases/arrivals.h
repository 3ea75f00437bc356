/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_ARRIVALS_H
#define REFRAIN_CATALOG_RELEASES_ARRIVALS_H

#include "catalog/redis/redis.h"

#include <stdint.h>

/** In which order recordings came into the index, so that who asked it before
 *  knows what he has not been asked about. Numbers do not tell: they are given
 *  out before a recording is indexed, and one whose load broke off is indexed
 *  later, under the number that it had. A list of 5 or 6 bytes a recording.
 *
 *  Who reads the count first and the index then has met all that arrived up to
 *  that count. */

/** The recording can be found from now on. Called behind index_add(); twice is
 *  harmless. */
MUST_USE enum status arrivals_add(struct redis *redis, uint32_t number,
                                  struct error *err);
/** How many have arrived since the catalog began. */
MUST_USE enum status arrivals_count(struct redis *redis, uint64_t *out,
                                    struct error *err);
/** What is new to who has met the first `since`: everything that arrived then
 *  has a number over *newer_than. 0, so all of the catalog, when more arrived
 *  than are worth listing. UINT32_MAX: nothing did. */
MUST_USE enum status arrivals_newer_than(struct redis *redis, uint64_t since,
                                         uint32_t *newer_than,
                                         struct error *err);

#endif
