/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_ID_H
#define REFRAIN_CATALOG_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Opaque ids: a prefix that says what they name and 128 random bits as 32 hex
 *  digits, "trk_0f…". Nobody may read meaning into the digits. */
enum { ID_SIZE = 65 }; /* with the NUL: 64 characters is what we accept */

/** prefix: 1..8 lower-case letters. */
void id_random(char out[ID_SIZE], const char *prefix);
/** Is `text` something that may stand in a path or key: 1..64 of
 *  [A-Za-z0-9_-]? Checked wherever an id comes from outside. */
bool id_valid(const char *text);

/** Lower-case hex; out holds 2 * length + 1. */
void hex_encode(char *out, const uint8_t *bytes, size_t length);
/** false unless text is exactly 2 * length hex digits. */
bool hex_decode(uint8_t *out, size_t length, const char *text);

#endif
