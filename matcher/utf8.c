/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* U+FFFD, the replacement character. */
static const char replacement[] = "\xef\xbf\xbd";

/* Length of the well-formed sequence at `bytes`, 0 for a malformed one; the
 * code point to *code. RFC 3629 section 4. */
static size_t sequence_length(const uint8_t *bytes, size_t length,
                              uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t count;

    if (bytes[0] < 0x80) {
        *code = bytes[0];
        return 1;
    }
    if (bytes[0] >= 0xc2 && bytes[0] <= 0xdf) {
        count = 2;
        *code = bytes[0] & 0x1fu;
    } else if ((bytes[0] & 0xf0u) == 0xe0) {
        count = 3;
        *code = bytes[0] & 0x0fu;
    } else if (bytes[0] >= 0xf0 && bytes[0] <= 0xf4) {
        count = 4;
        *code = bytes[0] & 0x07u;
    } else {
        return 0;
    }
    if (count > length) {
        return 0;
    }
    for (size_t i = 1; i < count; i++) {
        if ((bytes[i] & 0xc0u) != 0x80) {
            return 0;
        }
        *code = *code << 6 | (bytes[i] & 0x3fu);
    }
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code < smallest[count] || *code > 0x10ffff || surrogate ? 0 : count;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

bool utf8_valid(const char *text, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t at = 0;

    while (at < length) {
        uint32_t code = 0;
        size_t count = sequence_length(bytes + at, length - at, &code);
        if (count == 0 || is_control(code)) {
            return false;
        }
        at += count;
    }
    return true;
}

void utf8_copy(char *to, size_t to_size, const char *from, size_t length)
{
    const uint8_t *bytes = (const uint8_t *)from;
    size_t used = 0;
    size_t at = 0;

    assert(to_size > 0);
    while (at < length) {
        uint32_t code = 0;
        size_t count = sequence_length(bytes + at, length - at, &code);
        const char *piece = from + at;
        size_t piece_length = count;

        if (count == 0) {
            piece = replacement;
            piece_length = sizeof replacement - 1;
            count = 1;
        } else if (is_control(code)) {
            piece = " ";
            piece_length = 1;
        }
        at += count;
        if (used == 0 && piece[0] == ' ') {
            continue;
        }
        if (used + piece_length >= to_size) {
            break;
        }
        memcpy(to + used, piece, piece_length);
        used += piece_length;
    }
    while (used > 0 && to[used - 1] == ' ') {
        used--;
    }
    to[used] = '\0';
}
