/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: tags are told from sound in every container, the sound stays the same
 * whatever becomes of the tags, and no file is read wildly or left in part. */
#include "catalog/vault/essence.h"
#include "tests/support/pattern.h"
#include "tests/support/songs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

enum { SOUND_BYTES = 9000, COVER_BYTES = 6000 };

static void what_is_not_known_is_one_span(void **state)
{
    (void)state;
    struct buffer song = {0};
    song_expect(&song, "");
    song_noise(&song, 1, 1);
    song_expect(&song, "s1");
    song_noise(&song, 99999, 1);
    song_expect(&song, "s100000");
    buffer_clear(&song);
}

/* --- before and behind any sound -------------------------------------------
 */

static void id3v2(void **state)
{
    (void)state;
    struct buffer song = {0};
    for (uint8_t version = 3; version <= 4; version++) {
        song_id3v2(&song, version, 100, 0, 50);
        song_noise(&song, SOUND_BYTES, 1);
        song_expect(&song, "t170 s9000");
        song.length = 0;
        /* a cover stands alone, the frames around it are one */
        song_id3v2(&song, version, 100, COVER_BYTES, 50);
        song_noise(&song, SOUND_BYTES, 1);
        song_expect(&song, "t130 i6000 t50 s9000");
        song.length = 0;
    }
    /* two tags, one behind the other */
    song_id3v2(&song, 3, 100, 0, 0);
    song_id3v2(&song, 4, 100, 0, 0);
    song_noise(&song, SOUND_BYTES, 1);
    song_expect(&song, "t240 s9000");
    song.length = 0;
    /* ID3v2.4, section 3.1: 10 bytes of footer are not in the length */
    song_text(&song, "ID3\x04");
    song_bytes(&song, "\0\x10\0\0\0\x05", 6);
    song_noise(&song, 5, 1);
    song_text(&song, "3DI\x04");
    song_bytes(&song, "\0\x10\0\0\0\x05", 6);
    song_noise(&song, SOUND_BYTES, 1);
    song_expect(&song, "t25 s9000");
    song.length = 0;
    /* a length past the end: no tag */
    song_bytes(&song, "ID3\x03\0\0\0\0\x7f\x7f", 10);
    song_noise(&song, 500, 1);
    song_expect(&song, "s510");
    buffer_clear(&song);
}

/* ID3v2.2: names of three letters, lengths of three bytes. */
static void id3v2_of_the_first_kind(void **state)
{
    (void)state;
    struct buffer song = {0};
    song_bytes(&song, "ID3\x02\0\0", 6);
    song_bytes(&song, "\0\0\x2e\x7c", 4);  /* 46 * 128 + 124 = 6012 */
    song_bytes(&song, "PIC\0\x17\x6a", 6); /* 5994 */
    song_noise(&song, 5994, 1);
    song_bytes(&song, "TT2\0\0\x06", 6);
    song_noise(&song, 6, 1);
    song_noise(&song, SOUND_BYTES, 2);
    song_expect(&song, "t16 i5994 t12 s9000");
    buffer_clear(&song);
}

static void id3v1(struct buffer *song)
{
    song_text(song, "TAG");
    song_noise(song, 125, 1);
}

static void ape_end(struct buffer *song, uint32_t size, uint32_t flags)
{
    song_text(song, "APETAGEX");
    song_u32le(song, 2000);
    song_u32le(song, size);
    song_u32le(song, 2);
    song_u32le(song, flags);
    song_bytes(song, "\0\0\0\0\0\0\0", 8);
}

/* Header, a title of 20 bytes, a cover unless 0 bytes, footer. */
static void ape(struct buffer *song, uint32_t cover_bytes)
{
    uint32_t size = 32 + 8 + 6 + 20 + (cover_bytes > 0 ? 14 + cover_bytes : 0);
    ape_end(song, size, 0xa0000000);
    song_u32le(song, 20);
    song_u32le(song, 0);
    song_bytes(song, "Title", 6);
    song_noise(song, 20, 3);
    if (cover_bytes > 0) {
        song_u32le(song, cover_bytes);
        song_u32le(song, 2);
        song_bytes(song, "Cover", 6);
        song_noise(song, cover_bytes, 4);
    }
    ape_end(song, size, 0x80000000);
}

static void tags_at_the_end(void **state)
{
    (void)state;
    struct buffer song = {0};
    song_noise(&song, SOUND_BYTES, 1);
    id3v1(&song);
    song_expect(&song, "s9000 t128");
    song.length = SOUND_BYTES;
    ape(&song, 0);
    song_expect(&song, "s9000 t98");
    id3v1(&song);
    song_expect(&song, "s9000 t226");
    song.length = SOUND_BYTES;
    ape(&song, COVER_BYTES);
    id3v1(&song);
    song_expect(&song, "s9000 t80 i6000 t160");
    song.length = SOUND_BYTES;
    song_text(&song, "LYRICSBEGININD0000200000021LYRICS200");
    id3v1(&song);
    song_expect(&song, "s9000 t164");
    song.length = SOUND_BYTES;
    song_bytes(&song, "ID3\x04\0\x10\0\0\0\x05xxxxx3DI\x04\0\x10\0\0\0\x05",
               25);
    song_expect(&song, "s9000 t25");
    song.length = SOUND_BYTES;
    ape_end(&song, UINT32_MAX, 0); /* larger than the file: none */
    song_expect(&song, "s9032");
    buffer_clear(&song);
}

/* --- blocks and chunks ------------------------------------------------------
 */

static void flac_block(struct buffer *song, uint8_t type, size_t length)
{
    song_u32be(song, (uint32_t)type << 24 | (uint32_t)length);
    song_noise(song, length, type);
}

static void flac(void **state)
{
    (void)state;
    struct buffer song = {0};
    song_id3v2(&song, 4, 10, 0, 0); /* forbidden, and met */
    song_text(&song, "fLaC");
    flac_block(&song, 0, 34);
    flac_block(&song, 4, 200);
    flac_block(&song, 6, COVER_BYTES);
    flac_block(&song, 0x81, 1000);
    song_noise(&song, SOUND_BYTES, 1);
    id3v1(&song);
    song_expect(&song, "t280 i6000 t1004 s9000 t128");
    buffer_clear(&song);
}

static void wav(void **state)
{
    (void)state;
    struct buffer song = {0};
    song_bytes(&song, "RIFF\0\0\0\0WAVEfmt \x10\0\0\0", 20);
    song_noise(&song, 16, 1);
    song_bytes(&song, "data\x29\x23\0\0", 8); /* 9001: one byte of padding */
    song_noise(&song, 9001, 2);
    song_bytes(&song, "\0LIST\x04\0\0\0INFOid3 ", 17);
    song_u32le(&song, 10 + 20 + 10 + COVER_BYTES);
    song_id3v2(&song, 3, 10, COVER_BYTES, 0);
    song_expect(&song, "t44 s9001 t61 i6000");
    buffer_clear(&song);
}

static void wav_of_unknown_length(void **state)
{
    (void)state;
    struct buffer song = {0};
    song_bytes(&song, "RIFF\xff\xff\xff\xffWAVE", 12);
    song_bytes(&song, "data\xff\xff\xff\xff", 8);
    song_noise(&song, SOUND_BYTES, 2);
    song_expect(&song, "t20 s9000");
    song.length = 0;
    /* EBU Tech 3306: the length stands in ds64 */
    song_bytes(&song, "RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0", 20);
    song_bytes(&song, "\0\0\0\0\0\0\0\0\x28\x23\0\0\0\0\0\0", 16);
    song_noise(&song, 12, 1);
    song_bytes(&song, "data\xff\xff\xff\xff", 8);
    song_noise(&song, SOUND_BYTES, 2);
    song_bytes(&song, "LIST\x04\0\0\0INFO", 12);
    song_expect(&song, "t56 s9000 t12");
    buffer_clear(&song);
}

static void aiff(void **state)
{
    (void)state;
    struct buffer song = {0};
    song_bytes(&song, "FORM\0\0\0\0AIFFCOMM\0\0\0\x12", 20);
    song_noise(&song, 18, 1);
    song_bytes(&song, "SSND\0\0\x23\x28", 8);
    song_noise(&song, SOUND_BYTES, 2);
    song_bytes(&song, "NAME\0\0\0\x04Nameabcd", 16);
    song_expect(&song, "t46 s9000 t12 s4");
    song.length -= 4;
    song_expect(&song, "t46 s9000 t12");
    buffer_clear(&song);
}

/* --- MP4 --------------------------------------------------------------------
 */

static void mp4_leaf(struct buffer *song, const char *type, size_t length,
                     uint64_t seed)
{
    size_t box = song_box(song, type);
    song_noise(song, length, seed);
    song_box_end(song, box);
}

/* As iTunes and FFmpeg write it. */
static void mp4_moov(struct buffer *song, size_t title_bytes,
                     size_t cover_bytes, uint64_t places)
{
    size_t moov = song_box(song, "moov");
    mp4_leaf(song, "mvhd", 100, 1);
    size_t trak = song_box(song, "trak");
    size_t mdia = song_box(song, "mdia");
    size_t minf = song_box(song, "minf");
    size_t stbl = song_box(song, "stbl");
    mp4_leaf(song, "stts", 16, 2);
    mp4_leaf(song, "stsz", 5000, 3);
    mp4_leaf(song, "stco", 400, places);
    song_box_end(song, stbl);
    song_box_end(song, minf);
    song_box_end(song, mdia);
    song_box_end(song, trak);
    size_t udta = song_box(song, "udta");
    size_t meta = song_box(song, "meta");
    song_u32be(song, 0);
    mp4_leaf(song, "hdlr", 25, 4);
    size_t ilst = song_box(song, "ilst");
    mp4_leaf(song, "\251nam", title_bytes, 5);
    if (cover_bytes > 0) {
        mp4_leaf(song, "covr", cover_bytes, 6);
    }
    song_box_end(song, ilst);
    song_box_end(song, meta);
    song_box_end(song, udta);
    song_box_end(song, moov);
}

static void mp4(void **state)
{
    (void)state;
    struct buffer song = {0};
    mp4_leaf(&song, "ftyp", 16, 1);
    mp4_moov(&song, 30, COVER_BYTES, 7);
    mp4_leaf(&song, "mdat", SOUND_BYTES, 2);
    /* 24 + moov 8, mvhd 108, four heads 32, stts 24, head 8 = 204;
     * stco 408, udta 8, meta 12, hdlr 33, ilst 8, title 38, head 8 = 515 */
    song_expect(&song, "t204 i5000 t515 i6000 s9008");
    song.length = 0;
    mp4_leaf(&song, "ftyp", 16, 1);
    mp4_leaf(&song, "free", 0, 1);
    mp4_leaf(&song, "mdat", SOUND_BYTES, 2);
    mp4_moov(&song, 30, 0, 7);
    song_expect(&song, "t32 s9008 t180 i5000 t507");
    buffer_clear(&song);
}

static void mp4_in_fragments(void **state)
{
    (void)state;
    struct buffer song = {0};
    mp4_leaf(&song, "ftyp", 16, 1);
    mp4_moov(&song, 30, 0, 7);
    for (uint64_t i = 0; i < 1000; i++) {
        mp4_leaf(&song, "moof", 100, i);
        mp4_leaf(&song, "mdat", 500, i);
    }
    song_expect(&song, "t204 i5000 t507 s616000");
    buffer_clear(&song);
}

static void mp4_with_long_and_open_boxes(void **state)
{
    (void)state;
    struct buffer song = {0};
    mp4_leaf(&song, "ftyp", 16, 1);
    song_u32be(&song, 1); /* its length has 64 bits */
    song_text(&song, "mdat");
    song_u32be(&song, 0);
    song_u32be(&song, 16 + SOUND_BYTES);
    song_noise(&song, SOUND_BYTES, 1);
    mp4_leaf(&song, "free", 10, 1);
    song_box(&song, "mdat"); /* length 0: up to the end */
    song_noise(&song, SOUND_BYTES, 1);
    song_expect(&song, "t24 s9016 t18 s9008");
    buffer_clear(&song);
}

/* --- Ogg --------------------------------------------------------------------
 */

static void ogg(void **state)
{
    (void)state;
    struct buffer song = {0};
    struct essence essence;
    song_vorbis(&song, 77, 100, 50, 5);
    /* packets of 30 and 124 bytes, the setup, the sound; 4000 to 4006 each */
    song_expect(&song, "t154 i3007 s200147");
    song_split(&essence, &song);
    assert_int_equal(essence.removed_bytes, 28 + 28 + 39 + 50 * 43);
    essence_clear(&essence);
    song.length = 0;
    /* a large text, over three pages */
    song_vorbis(&song, 78, 10000, 50, 5);
    song_expect(&song, "t53 i10000 t1 i3007 s200147");
    buffer_clear(&song);
}

/* The packets of a stream without sound, then 50 packets of it; each in one
 * page, or in two. */
static void cut_packets(struct buffer *song, bool in_two)
{
    static uint8_t packet[4000];
    const size_t first = 8 * (size_t)255;
    uint32_t number = 3;
    song_vorbis(song, in_two ? 5 : 6, 100, 0, 0);
    for (uint64_t i = 0; i < 50; i++) {
        struct ogg_page page = {.serial = in_two ? 5 : 6,
                                .number = number++,
                                .bytes = packet,
                                .length = sizeof packet};
        pattern_fill(packet, sizeof packet, i);
        if (in_two) {
            page.length = first;
            page.goes_on = true;
            song_ogg_page(song, &page);
            page.goes_on = false;
            page.flags = 1;
            page.number = number++;
            page.bytes = packet + first;
            page.length = sizeof packet - first;
        }
        song_ogg_page(song, &page);
    }
}

static void ogg_is_the_same_however_it_is_cut_into_pages(void **state)
{
    (void)state;
    struct buffer songs[2] = {{0}, {0}};
    struct buffer sounds[2] = {{0}, {0}};
    for (size_t i = 0; i < 2; i++) {
        cut_packets(&songs[i], i == 1);
        song_sound(&sounds[i], &songs[i]);
        assert_int_equal(sounds[i].length, 50 * 4000);
    }
    assert_true(songs[0].length < songs[1].length);
    assert_memory_equal(sounds[0].bytes, sounds[1].bytes, sounds[0].length);
    for (size_t i = 0; i < 2; i++) {
        buffer_clear(&songs[i]);
        buffer_clear(&sounds[i]);
    }
}

static void ogg_in_a_chain(void **state)
{
    (void)state;
    struct buffer song = {0};
    struct essence essence;
    for (uint32_t i = 0; i < 3; i++) {
        song_vorbis(&song, i, 100 + 5000 * i, 10, i);
    }
    song_split(&essence, &song);
    assert_int_equal(essence.span_count, 13);
    essence_clear(&essence);
    /* more than there are spans: the last takes the rest */
    for (uint32_t i = 0; i < 200; i++) {
        song_vorbis(&song, i, 100, 2, i);
    }
    song_split(&essence, &song);
    assert_int_equal(essence.span_count, ESSENCE_MAX_SPANS);
    essence_clear(&essence);
    buffer_clear(&song);
}

static void ogg_of_another_codec_is_left_alone(void **state)
{
    (void)state;
    struct buffer song = {0};
    const struct ogg_page page = {
        .flags = 2, .bytes = (const uint8_t *)"Speex   1.2", .length = 11};
    song_ogg_page(&song, &page);
    song_vorbis(&song, 7, 100, 10, 1);
    struct essence essence;
    song_split(&essence, &song);
    assert_int_equal(essence.span_count, 1);
    assert_int_equal(essence.heads.length, 0);
    essence_clear(&essence);
    buffer_clear(&song);
}

/* --- whatever the tags are --------------------------------------------------
 */

static void make_mp3(struct buffer *song, size_t tags, size_t cover)
{
    if (tags > 0) {
        song_id3v2(song, tags % 2 == 0 ? 3 : 4, tags, cover, tags % 1000);
    }
    song_noise(song, SOUND_BYTES, 1);
    if (tags % 3 == 0) {
        ape(song, (uint32_t)cover);
    }
    if (tags % 4 == 0) {
        id3v1(song);
    }
}

static void make_flac(struct buffer *song, size_t tags, size_t cover)
{
    song_text(song, "fLaC");
    flac_block(song, 0, 34);
    flac_block(song, 4, tags);
    if (cover > 0) {
        flac_block(song, 6, cover);
    }
    flac_block(song, 0x81, tags % 1000);
    song_noise(song, SOUND_BYTES, 1);
}

static void make_mp4_front(struct buffer *song, size_t tags, size_t cover)
{
    mp4_leaf(song, "ftyp", 16, 1);
    mp4_moov(song, tags, cover, tags);
    mp4_leaf(song, "mdat", SOUND_BYTES, 2);
}

static void make_mp4_end(struct buffer *song, size_t tags, size_t cover)
{
    mp4_leaf(song, "ftyp", 16, 1);
    mp4_leaf(song, "mdat", SOUND_BYTES, 2);
    mp4_moov(song, tags, cover, 1);
}

static void make_ogg(struct buffer *song, size_t tags, size_t cover)
{
    song_vorbis(song, (uint32_t)tags, tags + cover, 20, 1);
    song_vorbis(song, 5, tags, 20, 2);
}

static void make_wav(struct buffer *song, size_t tags, size_t cover)
{
    song_bytes(song, "RIFF", 4);
    song_u32le(song, (uint32_t)(tags + cover));
    song_text(song, "WAVEdata");
    song_u32le(song, SOUND_BYTES);
    song_noise(song, SOUND_BYTES, 1);
    if (tags > 0) {
        song_text(song, "id3 ");
        song_u32le(song, (uint32_t)(20 + tags + (cover > 0 ? cover + 10 : 0)));
        song_id3v2(song, 3, tags, cover, 0);
    }
}

static void (*const MAKERS[])(struct buffer *song, size_t tags,
                              size_t cover) = {
    make_mp3, make_flac, make_mp4_front, make_mp4_end, make_ogg, make_wav};
enum { MAKER_COUNT = sizeof MAKERS / sizeof MAKERS[0] };

static void any_edit_of_the_tags_leaves_the_sound_as_it_was(void **state)
{
    (void)state;
    uint64_t random = 17;
    for (size_t i = 0; i < MAKER_COUNT; i++) {
        struct buffer song = {0};
        struct buffer expected = {0};
        struct buffer sound = {0};
        MAKERS[i](&song, 0, 0);
        song_sound(&expected, &song);
        assert_true(expected.length >= SOUND_BYTES);
        for (int edit = 0; edit < 100; edit++) {
            size_t limit = edit % 3 == 0 ? 40000 : 300;
            size_t tags = (size_t)pattern_below(&random, limit);
            size_t cover = (size_t)pattern_below(&random, 30000);
            song.length = 0;
            sound.length = 0;
            MAKERS[i](&song, tags, edit % 2 == 0 ? 0 : cover);
            song_sound(&sound, &song);
            assert_int_equal(sound.length, expected.length);
            assert_memory_equal(sound.bytes, expected.bytes, sound.length);
        }
        buffer_clear(&song);
        buffer_clear(&expected);
        buffer_clear(&sound);
    }
}

static void every_song_cut_anywhere_is_covered(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAKER_COUNT; i++) {
        struct buffer song = {0};
        MAKERS[i](&song, 60, 5000);
        size_t whole = song.length;
        for (size_t length = 0; length < whole;
             length += length < 1000 ? 1 : 37) {
            struct essence essence;
            song.length = length;
            song_split(&essence, &song);
            essence_clear(&essence);
        }
        buffer_clear(&song);
    }
}

static void every_song_with_wrong_bytes_is_covered(void **state)
{
    (void)state;
    uint64_t random = 23;
    for (size_t i = 0; i < MAKER_COUNT; i++) {
        struct buffer song = {0};
        MAKERS[i](&song, 60, 5000);
        for (int round = 0; round < 2000; round++) {
            struct essence essence;
            size_t limit = round % 2 == 0 ? 400 : song.length;
            size_t at = (size_t)pattern_below(&random, limit);
            uint8_t before = song.bytes[at];
            song.bytes[at] = (uint8_t)(pattern_below(&random, 256));
            song_split(&essence, &song);
            essence_clear(&essence);
            song.bytes[at] = before;
        }
        buffer_clear(&song);
    }
}

/* --- bounds and failures ----------------------------------------------------
 */

/* A file of 4 GiB that is empty boxes, chunks, blocks or pages throughout. */
struct endless {
    uint8_t unit[32];
    size_t unit_bytes;
    uint64_t reads;
};

static enum status read_endless(void *context, uint64_t offset, uint8_t *out,
                                size_t length, struct error *err)
{
    struct endless *endless = context;
    (void)err;
    endless->reads++;
    for (size_t i = 0; i < length; i++) {
        out[i] = endless->unit[(offset + i) % endless->unit_bytes];
    }
    return STATUS_OK;
}

static void the_work_is_bounded(void **state)
{
    (void)state;
    static const struct endless files[] = {
        {.unit = "\0\0\0\x08"
                 "ftyp",
         .unit_bytes = 8},
        {.unit = "\0\0\0\x08moov", .unit_bytes = 8},
        {.unit = "ID3\x04\0\0\0\0\0", .unit_bytes = 10},
        {.unit = "OggS\0\x02", .unit_bytes = 27},
        {.unit = "OggS", .unit_bytes = 27},
        {.unit = "RIFF\0\0\0\0WAVE", .unit_bytes = 12},
        {.unit = "fLaC", .unit_bytes = 4},
        {.unit = "APETAGEX\0\0\0\0\x20\0\0", .unit_bytes = 32},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct endless endless = files[i];
        struct essence essence;
        const struct essence_source source = {.read = read_endless,
                                              .context = &endless,
                                              .size_bytes =
                                                  ESSENCE_MAX_FILE_BYTES};
        assert_int_equal(essence_split(&essence, &source, NULL), STATUS_OK);
        assert_true(endless.reads <= ESSENCE_MAX_READS);
        assert_true(essence.heads.length <= HEADS_MAX_BYTES);
        essence_clear(&essence);
    }
}

static enum status refuse(void *context, uint64_t offset, uint8_t *out,
                          size_t length, struct error *err)
{
    int *left = context;
    (void)offset;
    memset(out, 'I', length);
    return (*left)-- > 0
               ? STATUS_OK
               : error_set(err, STATUS_UNAVAILABLE, "broken", "broken");
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    for (int good = 0; good < 3; good++) {
        int left = good;
        struct essence essence;
        struct error err = {0};
        const struct essence_source source = {
            .read = refuse, .context = &left, .size_bytes = 1000};
        assert_int_equal(essence_split(&essence, &source, &err),
                         STATUS_UNAVAILABLE);
        assert_string_equal(err.code, "broken");
        assert_int_equal(essence.span_count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_known_is_one_span),
        cmocka_unit_test(id3v2),
        cmocka_unit_test(id3v2_of_the_first_kind),
        cmocka_unit_test(tags_at_the_end),
        cmocka_unit_test(flac),
        cmocka_unit_test(wav),
        cmocka_unit_test(wav_of_unknown_length),
        cmocka_unit_test(aiff),
        cmocka_unit_test(mp4),
        cmocka_unit_test(mp4_in_fragments),
        cmocka_unit_test(mp4_with_long_and_open_boxes),
        cmocka_unit_test(ogg),
        cmocka_unit_test(ogg_is_the_same_however_it_is_cut_into_pages),
        cmocka_unit_test(ogg_in_a_chain),
        cmocka_unit_test(ogg_of_another_codec_is_left_alone),
        cmocka_unit_test(any_edit_of_the_tags_leaves_the_sound_as_it_was),
        cmocka_unit_test(every_song_cut_anywhere_is_covered),
        cmocka_unit_test(every_song_with_wrong_bytes_is_covered),
        cmocka_unit_test(the_work_is_bounded),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
