/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/id.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

enum { RANDOM_BYTES = 16, PREFIX_MAX = 8 };
_Static_assert(PREFIX_MAX + 1 + 2 * RANDOM_BYTES < ID_SIZE, "an id must fit");

/* From the kernel and not from catalog/vault/crypto.h: ids stand below every
 * other room. 16 bytes come whole or not at all (getrandom(2): up to 256). */
static void random_bytes(uint8_t *out, size_t length)
{
    ssize_t got = 0;
    do {
        got = getrandom(out, length, 0);
    } while (got < 0 && errno == EINTR);
    assert(got == (ssize_t)length);
}

void id_random(char out[ID_SIZE], const char *prefix)
{
    size_t length = strlen(prefix);
    assert(length >= 1 && length <= PREFIX_MAX);
    for (size_t i = 0; i < length; i++) {
        assert(prefix[i] >= 'a' && prefix[i] <= 'z');
        out[i] = prefix[i];
    }
    uint8_t bytes[RANDOM_BYTES];
    random_bytes(bytes, sizeof bytes);
    out[length] = '_';
    hex_encode(out + length + 1, bytes, sizeof bytes);
}

static bool id_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool id_valid(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0') {
        if (length == ID_SIZE - 1 || !id_character(text[length])) {
            return false;
        }
        length++;
    }
    return length > 0;
}

void hex_encode(char *out, const uint8_t *bytes, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 0x0f];
    }
    out[2 * length] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool hex_decode(uint8_t *out, size_t length, const char *text)
{
    for (size_t i = 0; i < length; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * length] == '\0';
}
