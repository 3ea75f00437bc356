/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/tags.h"
#include "matcher/utf8.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

/* Input: key, NUL, value. Whatever it is, the tags are text that can be stored
 * and printed. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char text[2048];
    struct tags tags = {0};

    if (length >= sizeof text) {
        return 0;
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    size_t key_length = strlen(text);
    const char *value = key_length < length ? text + key_length + 1 : "";
    tags_add(&tags, text, value);
    assert(utf8_valid(tags.title, strlen(tags.title)));
    assert(utf8_valid(tags.artist, strlen(tags.artist)));
    assert(utf8_valid(tags.album, strlen(tags.album)));
    assert(utf8_valid(tags.album_artist, strlen(tags.album_artist)));
    assert(utf8_valid(tags.date, strlen(tags.date)));
    assert(strlen(tags.isrc) == 0 || strlen(tags.isrc) == 12);
    assert(strspn(tags.barcode, "0123456789") == strlen(tags.barcode));
    assert(tags.advisory <= ADVISORY_CLEAN);
    return 0;
}
