/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/wire.h"
#include "matcher/decode.h"
#include "matcher/utf8.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One whole message as a hostile decoder may send it. What passes is within
 * the bounds that the header files promise, and is what its sender meant:
 * encoded again it gives the same bytes. */

static void check_same(const struct buffer *again, const uint8_t *bytes,
                       size_t length)
{
    assert(again->length == length);
    assert(memcmp(again->bytes, bytes, length) == 0);
}

static void check_facts(const uint8_t *bytes, size_t length)
{
    struct audio_facts facts;
    struct wire_extent extent = {0};
    struct buffer again = {0};

    if (wire_parse_facts(&facts, &extent, bytes + WIRE_HEADER_BYTES,
                         length - WIRE_HEADER_BYTES, NULL) != STATUS_OK) {
        assert(facts.cover.bytes == NULL);
        return;
    }
    assert(facts.duration_ms <= DECODE_MAX_MS);
    assert(facts.cover.length <= DECODE_MAX_COVER_BYTES);
    assert(utf8_valid(facts.tags.title, strlen(facts.tags.title)));
    enum status status = wire_put_facts(&again, &facts, &extent, NULL);
    assert(status == STATUS_OK);
    buffer_clear(&facts.cover);
    check_same(&again, bytes, length);
    buffer_clear(&again);
}

static void check_print(const uint8_t *bytes, size_t length)
{
    struct fingerprint print;
    struct buffer again = {0};

    if (wire_parse_print(&print, bytes + WIRE_HEADER_BYTES,
                         length - WIRE_HEADER_BYTES, NULL) != STATUS_OK) {
        assert(print.items == NULL);
        return;
    }
    assert(print.item_count >= 1 && print.item_count <= FINGERPRINT_MAX_ITEMS);
    enum status status = wire_put_print(&again, &print, NULL);
    assert(status == STATUS_OK);
    check_same(&again, bytes, length);
    fingerprint_clear(&print);
    buffer_clear(&again);
}

static void check_failure(const uint8_t *bytes, size_t length)
{
    enum status failed = STATUS_OK;
    struct error why;

    if (wire_parse_failure(&failed, &why, bytes + WIRE_HEADER_BYTES,
                           length - WIRE_HEADER_BYTES, NULL) == STATUS_OK) {
        assert(failed != STATUS_OK);
        assert(strlen(why.code) > 0 && strlen(why.code) < sizeof why.code);
        assert(utf8_valid(why.text, strlen(why.text)));
    }
}

static void check_read(const uint8_t *bytes, size_t length)
{
    struct wire_read read;
    struct buffer again = {0};

    if (wire_parse_read(&read, bytes + WIRE_HEADER_BYTES,
                        length - WIRE_HEADER_BYTES, NULL) != STATUS_OK) {
        return;
    }
    assert(read.count >= 1 && read.count <= SOUND_READ_MAX);
    enum status status = wire_put_read(&again, &read, NULL);
    assert(status == STATUS_OK);
    check_same(&again, bytes, length);
    buffer_clear(&again);
}

/* The pool knows what it asked for: so much as there is here, at a place and of
 * a channel that the message may or may not say. */
static void check_samples(const uint8_t *bytes, size_t length)
{
    size_t count = (length - WIRE_HEADER_BYTES - 16) / 2;
    int16_t *samples = malloc(count * sizeof *samples);
    struct wire_read asked = {.count = (uint32_t)count,
                              .start =
                                  load_u64le(bytes + WIRE_HEADER_BYTES + 8)};
    struct buffer again = {0};

    assert(samples != NULL);
    if (wire_parse_samples(samples, &asked, bytes + WIRE_HEADER_BYTES,
                           length - WIRE_HEADER_BYTES, NULL) == STATUS_OK) {
        enum status status = wire_put_samples(&again, &asked, samples, NULL);
        assert(status == STATUS_OK);
        check_same(&again, bytes, length);
        buffer_clear(&again);
    }
    free(samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct wire_header header;
    struct wire_request request;
    uint32_t decoded_ms = 0;

    if (length < WIRE_HEADER_BYTES ||
        wire_parse_header(&header, bytes, NULL) != STATUS_OK) {
        return 0;
    }
    assert(header.body_length <= WIRE_MAX_BODY_BYTES);
    const uint8_t *body = bytes + WIRE_HEADER_BYTES;
    size_t body_length = length - WIRE_HEADER_BYTES;
    if (body_length != header.body_length) {
        return 0; /* the pool hands on whole bodies only */
    }
    switch (header.type) {
    case WIRE_FACTS:
        check_facts(bytes, length);
        break;
    case WIRE_PRINT:
        check_print(bytes, length);
        break;
    case WIRE_FAILURE:
        check_failure(bytes, length);
        break;
    case WIRE_PROGRESS:
        if (wire_parse_progress(&decoded_ms, body, body_length, NULL) ==
            STATUS_OK) {
            assert(decoded_ms <= DECODE_MAX_MS);
        }
        break;
    case WIRE_REQUEST:
        (void)!wire_parse_request(&request, body, body_length, NULL);
        break;
    case WIRE_READ:
        check_read(bytes, length);
        break;
    case WIRE_SAMPLES:
        check_samples(bytes, length);
        break;
    }
    return 0;
}
