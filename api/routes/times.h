/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_TIMES_H
#define REFRAIN_API_ROUTES_TIMES_H

#include <stdbool.h>
#include <stdint.h>

/** Times as the API writes them: RFC 3339 in UTC, to the second; inside they
 *  are milliseconds since 1970. Pure. */
enum { TIME_TEXT_SIZE = 32 };

/** "2027-01-31T08:00:00Z". Times outside of the years 1970 to 9999, which a
 *  stored record never holds, are brought to that border. */
void time_print(char out[TIME_TEXT_SIZE], int64_t at_ms);

/** Reads an RFC 3339 time with any offset, or a date alone, which means its
 *  last second in UTC: "granted until the 31st" includes the 31st.
 *  false: neither, no such day, or a year before 1970. */
bool time_parse(const char *text, int64_t *at_ms);

#endif
