/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/range.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Input: 8 bytes of size, then a header. Whatever it is, a part lies within
 * the representation; and as If-None-Match it only ever holds a tag that its
 * bytes contain. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const char etag[] = "\"u0123\"";
    uint64_t size = 0;
    if (length < sizeof size) {
        return 0;
    }
    memcpy(&size, bytes, sizeof size);
    size_t header_length = length - sizeof size;
    char *header = malloc(header_length + 1);
    assert(header != NULL);
    memcpy(header, bytes + sizeof size, header_length);
    header[header_length] = '\0';

    struct range range = range_parse(header, size);
    if (range.kind == RANGE_PART) {
        assert(range.first <= range.last);
        assert(range.last < size);
    }
    if (range_if_none_match(header, etag)) {
        assert(strstr(header, etag) != NULL || strchr(header, '*') != NULL);
    }
    if (range_if_range(header, etag)) {
        assert(strcmp(header, etag) == 0);
    }
    free(header);
    return 0;
}
