/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_UTF8_H
#define REFRAIN_MATCHER_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** Text out of foreign files, made safe to store and to print. Pure. */

/** Whether `text` is well-formed UTF-8 (RFC 3629: no overlong form, no
 *  surrogate, nothing above U+10FFFF) without control characters. */
bool utf8_valid(const char *text, size_t length);

/** Copies `length` bytes of `from` as text that utf8_valid accepts, with a NUL
 *  behind it. Malformed bytes become U+FFFD, control characters spaces; spaces
 *  at both ends go; what does not fit is cut at a character border.
 *  to_size  bytes at `to`, at least 1. */
void utf8_copy(char *to, size_t to_size, const char *from, size_t length);

#endif
