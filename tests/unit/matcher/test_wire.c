/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decode.h"
#include "matcher/decoder/wire.h"
#include "tests/unit/matcher/cmocka_all.h"

#include <string.h>

static const struct wire_extent ten_seconds = {.sample_count = 110250,
                                               .has_side = true};

static struct audio_facts some_facts(void)
{
    struct audio_facts facts = {
        .container = CONTAINER_MP4,
        .codec = "aac",
        .duration_ms = 10000,
        .sample_rate_hz = 44100,
        .channels = 2,
        .bit_rate = 128000,
        .tags = {.title = "Caf\xc3\xa9",
                 .artist = "Singer",
                 .album = "Record",
                 .album_artist = "Band",
                 .isrc = "USABC1234567",
                 .barcode = "4006381333931",
                 .date = "2020-01-02",
                 .disc = 1,
                 .track = 3,
                 .advisory = ADVISORY_CLEAN},
        .cover_type = "image/png",
    };
    assert_int_equal(
        buffer_append(&facts.cover, "\x89PNG\r\n\x1a\n....", 12, NULL),
        STATUS_OK);
    return facts;
}

/* The message in `out`, whose header says `type`. */
static void parse_header(const struct buffer *out, enum wire_type type)
{
    struct wire_header header;
    assert_true(out->length >= WIRE_HEADER_BYTES);
    assert_int_equal(wire_parse_header(&header, out->bytes, NULL), STATUS_OK);
    assert_int_equal(header.type, type);
    assert_int_equal(header.body_length, out->length - WIRE_HEADER_BYTES);
}

static enum status parse_facts(struct audio_facts *facts,
                               const struct buffer *message)
{
    struct wire_extent extent;
    return wire_parse_facts(facts, &extent, message->bytes + WIRE_HEADER_BYTES,
                            message->length - WIRE_HEADER_BYTES, NULL);
}

static void facts_come_back(void **state)
{
    struct audio_facts sent = some_facts();
    struct audio_facts got;
    struct buffer message = {0};
    struct wire_extent extent = {0};
    (void)state;
    assert_int_equal(wire_put_facts(&message, &sent, &ten_seconds, NULL),
                     STATUS_OK);
    parse_header(&message, WIRE_FACTS);
    assert_int_equal(wire_parse_facts(&got, &extent,
                                      message.bytes + WIRE_HEADER_BYTES,
                                      message.length - WIRE_HEADER_BYTES, NULL),
                     STATUS_OK);
    assert_int_equal(extent.sample_count, 110250);
    assert_true(extent.has_side);
    assert_int_equal(got.container, sent.container);
    assert_string_equal(got.codec, sent.codec);
    assert_int_equal(got.duration_ms, sent.duration_ms);
    assert_int_equal(got.sample_rate_hz, sent.sample_rate_hz);
    assert_int_equal(got.channels, sent.channels);
    assert_int_equal(got.bit_rate, sent.bit_rate);
    assert_memory_equal(&got.tags, &sent.tags, sizeof got.tags);
    assert_string_equal(got.cover_type, sent.cover_type);
    assert_int_equal(got.cover.length, 12);
    assert_memory_equal(got.cover.bytes, sent.cover.bytes, 12);
    buffer_clear(&sent.cover);
    buffer_clear(&got.cover);
    buffer_clear(&message);
}

/* Offsets as matcher/README.md gives them. */
static void facts_that_cannot_be_are_refused(void **state)
{
    static const struct {
        size_t offset;
        uint8_t value;
        const char *what;
    } lies[] = {
        {0, 0, "no container"},
        {0, 99, "unknown container"},
        {1, 3, "unknown advisory"},
        {2, 2, "neither a side nor none"},
        {3, 1, "reserved"},
        {7, 0xff, "49 days"},
        {4, 0x11, "duration against samples"},
        {11, 0xff, "sample rate"},
        {12, 0, "no channel"},
        {12, 9, "nine channels"},
        {28, 13, "cover length"},
        {39, 0xff, "samples"},
        {40, 'A', "codec in capitals"},
        {40, 0, "text behind the end of the codec"},
        {56, 'I', "type of the cover"},
        {72, 'u', "ISRC in small letters"},
        {88, 'x', "barcode with a letter"},
        {112, '\n', "control character"},
        {144, 0xff, "malformed UTF-8"},
        {144 + 511, 'x', "text without end"},
        {2192, 'x', "magic of the cover"},
    };
    struct audio_facts sent = some_facts();
    struct buffer message = {0};
    (void)state;
    assert_int_equal(wire_put_facts(&message, &sent, &ten_seconds, NULL),
                     STATUS_OK);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct audio_facts got;
        uint8_t *at = message.bytes + WIRE_HEADER_BYTES + lies[i].offset;
        uint8_t before = *at;
        *at = lies[i].value;
        if (parse_facts(&got, &message) != STATUS_CORRUPT) {
            fail_msg("accepted: %s", lies[i].what);
        }
        assert_null(got.cover.bytes);
        *at = before;
    }
    message.length--;
    struct audio_facts got;
    assert_int_equal(parse_facts(&got, &message), STATUS_CORRUPT);
    buffer_clear(&sent.cover);
    buffer_clear(&message);
}

static void a_print_comes_back(void **state)
{
    uint32_t items[] = {1, 0xffffffff, 0x256df977};
    uint8_t levels[] = {0, 46, 30};
    const struct fingerprint sent = {items, levels, 3, 100, 200};
    struct fingerprint got;
    struct buffer message = {0};
    (void)state;
    assert_int_equal(wire_put_print(&message, &sent, NULL), STATUS_OK);
    parse_header(&message, WIRE_PRINT);
    const uint8_t *body = message.bytes + WIRE_HEADER_BYTES;
    size_t length = message.length - WIRE_HEADER_BYTES;
    assert_int_equal(wire_parse_print(&got, body, length, NULL), STATUS_OK);
    assert_int_equal(got.item_count, 3);
    assert_memory_equal(got.items, items, sizeof items);
    assert_memory_equal(got.levels, levels, sizeof levels);
    assert_int_equal(got.head_quiet_ms, 100);
    assert_int_equal(got.tail_quiet_ms, 200);
    fingerprint_clear(&got);
    for (size_t cut = 0; cut < length; cut++) {
        assert_int_equal(wire_parse_print(&got, body, cut, NULL),
                         STATUS_CORRUPT);
        assert_null(got.items);
    }
    message.bytes[message.length - 1] = FINGERPRINT_MAX_LEVEL + 1;
    assert_int_equal(wire_parse_print(&got, body, length, NULL),
                     STATUS_CORRUPT);
    buffer_clear(&message);
}

static void a_failure_comes_back(void **state)
{
    const struct error sent = {"not_audio", "the file is no audio"};
    struct error got;
    enum status failed = STATUS_OK;
    struct buffer message = {0};
    (void)state;
    assert_int_equal(wire_put_failure(&message, STATUS_INVALID, &sent, NULL),
                     STATUS_OK);
    parse_header(&message, WIRE_FAILURE);
    uint8_t *body = message.bytes + WIRE_HEADER_BYTES;
    size_t length = message.length - WIRE_HEADER_BYTES;
    assert_int_equal(wire_parse_failure(&failed, &got, body, length, NULL),
                     STATUS_OK);
    assert_int_equal(failed, STATUS_INVALID);
    assert_string_equal(got.code, sent.code);
    assert_string_equal(got.text, sent.text);
    body[0] = STATUS_OK; /* a failure that is none */
    assert_int_equal(wire_parse_failure(&failed, &got, body, length, NULL),
                     STATUS_CORRUPT);
    body[0] = STATUS_DENIED; /* not the decoder's to say */
    assert_int_equal(wire_parse_failure(&failed, &got, body, length, NULL),
                     STATUS_CORRUPT);
    body[0] = STATUS_INVALID;
    body[4] = '%'; /* in the code */
    assert_int_equal(wire_parse_failure(&failed, &got, body, length, NULL),
                     STATUS_CORRUPT);
    buffer_clear(&message);
}

static void requests_and_progress_come_back(void **state)
{
    const struct wire_request sent = {UINT64_C(0x123456789a), 7};
    struct wire_request got;
    struct buffer message = {0};
    uint32_t decoded_ms = 0;
    (void)state;
    assert_int_equal(wire_put_request(&message, &sent, NULL), STATUS_OK);
    parse_header(&message, WIRE_REQUEST);
    assert_int_equal(
        wire_parse_request(&got, message.bytes + WIRE_HEADER_BYTES, 16, NULL),
        STATUS_OK);
    assert_int_equal(got.start, sent.start);
    assert_int_equal(got.count, sent.count);
    message.length = 0;
    assert_int_equal(wire_put_progress(&message, 300000, NULL), STATUS_OK);
    parse_header(&message, WIRE_PROGRESS);
    uint8_t *body = message.bytes + WIRE_HEADER_BYTES;
    assert_int_equal(wire_parse_progress(&decoded_ms, body, 4, NULL),
                     STATUS_OK);
    assert_int_equal(decoded_ms, 300000);
    store_u32le(body, DECODE_MAX_MS + 1);
    assert_int_equal(wire_parse_progress(&decoded_ms, body, 4, NULL),
                     STATUS_CORRUPT);
    buffer_clear(&message);
}

static enum status parse_samples(int16_t *samples,
                                 const struct wire_read *asked,
                                 const struct buffer *message)
{
    return wire_parse_samples(samples, asked,
                              message->bytes + WIRE_HEADER_BYTES,
                              message->length - WIRE_HEADER_BYTES, NULL);
}

static void reads_and_samples_come_back(void **state)
{
    const struct wire_read sent = {
        .channel = PCM_SIDE, .count = 5, .start = 79379995};
    const int16_t samples[] = {0, 1, -1, INT16_MAX, INT16_MIN};
    int16_t heard[5];
    struct wire_read got;
    struct buffer message = {0};
    (void)state;
    assert_int_equal(wire_put_read(&message, &sent, NULL), STATUS_OK);
    parse_header(&message, WIRE_READ);
    assert_int_equal(
        wire_parse_read(&got, message.bytes + WIRE_HEADER_BYTES, 16, NULL),
        STATUS_OK);
    assert_int_equal(got.channel, PCM_SIDE);
    assert_int_equal(got.start, sent.start);
    assert_int_equal(got.count, sent.count);
    message.length = 0;
    assert_int_equal(wire_put_samples(&message, &sent, samples, NULL),
                     STATUS_OK);
    parse_header(&message, WIRE_SAMPLES);
    assert_int_equal(parse_samples(heard, &sent, &message), STATUS_OK);
    assert_memory_equal(heard, samples, sizeof samples);
    /* the fourth, little-endian, as matcher/README.md says */
    assert_int_equal(message.bytes[WIRE_HEADER_BYTES + 16 + 6], 0xff);
    assert_int_equal(message.bytes[WIRE_HEADER_BYTES + 16 + 7], 0x7f);
    buffer_clear(&message);
}

/* Offsets as matcher/README.md gives them. */
static void reads_that_cannot_be_are_refused(void **state)
{
    static const struct {
        size_t offset;
        uint8_t value;
    } lies[] = {{0, 2},    {1, 1}, {2, 1},  {3, 1}, {4, 0},
                {6, 0x11}, {7, 1}, {11, 5}, {15, 1}};
    const struct wire_read sent = {.channel = PCM_MID, .count = 5};
    struct wire_read got;
    struct buffer message = {0};
    (void)state;
    assert_int_equal(wire_put_read(&message, &sent, NULL), STATUS_OK);
    uint8_t *body = message.bytes + WIRE_HEADER_BYTES;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t before = body[lies[i].offset];
        body[lies[i].offset] = lies[i].value;
        assert_int_equal(wire_parse_read(&got, body, 16, NULL), STATUS_CORRUPT);
        body[lies[i].offset] = before;
    }
    assert_int_equal(wire_parse_read(&got, body, 15, NULL), STATUS_CORRUPT);
    buffer_clear(&message);
}

static void only_what_was_asked_is_an_answer(void **state)
{
    const struct wire_read sent = {
        .channel = PCM_MID, .count = 4, .start = 1000};
    static const struct wire_read others[] = {
        {.channel = PCM_SIDE, .count = 4, .start = 1000},
        {.channel = PCM_MID, .count = 3, .start = 1000},
        {.channel = PCM_MID, .count = 5, .start = 1000},
        {.channel = PCM_MID, .count = 4, .start = 1001},
    };
    const int16_t samples[] = {1, 2, 3, 4};
    int16_t heard[8];
    struct buffer message = {0};
    (void)state;
    assert_int_equal(wire_put_samples(&message, &sent, samples, NULL),
                     STATUS_OK);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(parse_samples(heard, &others[i], &message),
                         STATUS_CORRUPT);
    }
    message.length--;
    assert_int_equal(parse_samples(heard, &sent, &message), STATUS_CORRUPT);
    buffer_clear(&message);
}

static void a_header_must_fit_its_message(void **state)
{
    static const uint8_t bad[][WIRE_HEADER_BYTES] = {
        {0, 1, 0, 0, 4, 0, 0, 0},          /* version */
        {1, 1, 0, 0, 4, 0, 0, 0},          /* version */
        {3, 1, 0, 0, 4, 0, 0, 0},          /* version */
        {2, 0, 0, 0, 4, 0, 0, 0},          /* type */
        {2, 8, 0, 0, 4, 0, 0, 0},          /* type */
        {2, 1, 1, 0, 4, 0, 0, 0},          /* reserved */
        {2, 1, 0, 0, 5, 0, 0, 0},          /* length of progress */
        {2, 2, 0, 0, 0, 0, 0, 0},          /* empty facts */
        {2, 3, 0, 0, 0xff, 0xff, 0xff, 0}, /* 16 MB of print */
        {2, 3, 0, 0, 0xff, 0xff, 0xff, 0xff},
        {2, 5, 0, 0, 17, 0, 0, 0},    /* length of a request */
        {2, 6, 0, 0, 17, 0, 0, 0},    /* length of a read */
        {2, 7, 0, 0, 16, 0, 0, 0},    /* no samples */
        {2, 7, 0, 0, 18, 0, 0x20, 0}, /* a sample more than 2 MiB */
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wire_header header;
        struct error err = {0};
        assert_int_equal(wire_parse_header(&header, bad[i], &err),
                         STATUS_CORRUPT);
        assert_string_equal(err.code, "wire_corrupt");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_come_back),
        cmocka_unit_test(facts_that_cannot_be_are_refused),
        cmocka_unit_test(a_print_comes_back),
        cmocka_unit_test(a_failure_comes_back),
        cmocka_unit_test(requests_and_progress_come_back),
        cmocka_unit_test(reads_and_samples_come_back),
        cmocka_unit_test(reads_that_cannot_be_are_refused),
        cmocka_unit_test(only_what_was_asked_is_an_answer),
        cmocka_unit_test(a_header_must_fit_its_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
