/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/songs.h"

#include "tests/support/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

enum { PAGE_BODY_BYTES = 17 * 255, SETUP_BYTES = 3000 };

void song_bytes(struct buffer *song, const void *bytes, size_t length)
{
    assert_int_equal(buffer_append(song, bytes, length, NULL), STATUS_OK);
}

void song_text(struct buffer *song, const char *text)
{
    song_bytes(song, text, strlen(text));
}

void song_u32be(struct buffer *song, uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
                             (uint8_t)(value >> 8), (uint8_t)value};
    song_bytes(song, bytes, sizeof bytes);
}

void song_u32le(struct buffer *song, uint32_t value)
{
    uint8_t bytes[4];
    store_u32le(bytes, value);
    song_bytes(song, bytes, sizeof bytes);
}

void song_noise(struct buffer *song, size_t length, uint64_t seed)
{
    assert_int_equal(buffer_reserve(song, length, NULL), STATUS_OK);
    pattern_fill(song->bytes + song->length, length, seed);
    for (size_t i = 0; i < length; i++) {
        song->bytes[song->length + i] |= 0x80; /* no letter, no NUL */
    }
    song->length += length;
}

static void id3_size(struct buffer *song, uint8_t version, size_t size)
{
    uint32_t value = (uint32_t)size;
    if (version == 4) { /* seven bits a byte */
        value = (value & 0x7f) | (value & 0x3f80) << 1 |
                (value & 0x1fc000) << 2 | (value & 0xfe00000) << 3;
    }
    song_u32be(song, value);
}

static void id3_frame(struct buffer *song, uint8_t version, const char *name,
                      size_t length)
{
    song_text(song, name);
    id3_size(song, version, length);
    song_bytes(song, "\0\0", 2);
    song_noise(song, length, length);
}

void song_id3v2(struct buffer *song, uint8_t version, size_t title_bytes,
                size_t cover_bytes, size_t padding_bytes)
{
    const uint8_t head[] = {'I', 'D', '3', version, 0, 0};
    size_t length = 10 + title_bytes + padding_bytes +
                    (cover_bytes > 0 ? 10 + cover_bytes : 0);
    song_bytes(song, head, sizeof head);
    id3_size(song, 4, length);
    id3_frame(song, version, "TIT2", title_bytes);
    if (cover_bytes > 0) {
        id3_frame(song, version, "APIC", cover_bytes);
    }
    for (size_t i = 0; i < padding_bytes; i++) {
        song_bytes(song, "", 1);
    }
}

void song_ogg_page(struct buffer *song, const struct ogg_page *page)
{
    size_t lacings = page->length / 255 + (page->goes_on ? 0 : 1);
    const uint8_t head[] = {'O', 'g', 'g', 'S', 0, page->flags};
    assert_true(lacings <= 255);
    song_bytes(song, head, sizeof head);
    song_noise(song, 8, page->length + page->bytes[0]); /* granule position */
    song_u32le(song, page->serial);
    song_u32le(song, page->number);
    song_u32le(song, page->serial ^ (page->number * 2654435761U));
    uint8_t lacing = (uint8_t)lacings;
    song_bytes(song, &lacing, 1);
    for (size_t i = 0; i < lacings; i++) {
        size_t rest = page->length - 255 * i;
        lacing = (uint8_t)(rest < 255 ? rest : 255);
        song_bytes(song, &lacing, 1);
    }
    song_bytes(song, page->bytes, page->length);
}

/* A packet over as many pages as it takes. */
static void ogg_packet(struct buffer *song, uint32_t serial, uint32_t *number,
                       const struct buffer *packet)
{
    for (size_t at = 0; at <= packet->length;) {
        size_t rest = packet->length - at;
        bool goes_on = rest >= PAGE_BODY_BYTES;
        size_t length = goes_on ? PAGE_BODY_BYTES : rest;
        song_ogg_page(song, &(struct ogg_page){.flags = at > 0 ? 1 : 0,
                                               .serial = serial,
                                               .number = (*number)++,
                                               .bytes = packet->bytes + at,
                                               .length = length,
                                               .goes_on = goes_on});
        at += length + (goes_on ? 0 : 1);
    }
}

void song_vorbis(struct buffer *song, uint32_t serial, size_t comment_bytes,
                 size_t pages, uint64_t seed)
{
    struct buffer packet = {0};
    uint32_t number = 0;
    song_bytes(&packet, "\x01vorbis", 7);
    song_noise(&packet, 23, 1);
    song_ogg_page(song, &(struct ogg_page){.flags = 2,
                                           .serial = serial,
                                           .number = number++,
                                           .bytes = packet.bytes,
                                           .length = packet.length});
    packet.length = 0;
    song_bytes(&packet, "\x03vorbis", 7);
    song_u32le(&packet, 4);
    song_text(&packet, "Test");
    song_u32le(&packet, 1);
    song_u32le(&packet, (uint32_t)comment_bytes);
    song_noise(&packet, comment_bytes, comment_bytes);
    song_text(&packet, "\x01");
    ogg_packet(song, serial, &number, &packet);
    packet.length = 0;
    song_bytes(&packet, "\x05vorbis", 7);
    song_noise(&packet, SETUP_BYTES, 2);
    ogg_packet(song, serial, &number, &packet);
    for (size_t i = 0; i < pages; i++) {
        packet.length = 0;
        song_noise(&packet, 4000 + i % 7, seed + i);
        ogg_packet(song, serial, &number, &packet);
    }
    buffer_clear(&packet);
}

size_t song_box(struct buffer *song, const char *type)
{
    size_t start = song->length;
    song_u32be(song, 0);
    song_text(song, type);
    return start;
}

void song_box_end(struct buffer *song, size_t start)
{
    uint32_t length = (uint32_t)(song->length - start);
    const uint8_t bytes[] = {(uint8_t)(length >> 24), (uint8_t)(length >> 16),
                             (uint8_t)(length >> 8), (uint8_t)length};
    memcpy(song->bytes + start, bytes, sizeof bytes);
}

static enum status read_song(void *context, uint64_t offset, uint8_t *out,
                             size_t length, struct error *err)
{
    const struct buffer *song = context;
    (void)err;
    assert_true(length <= ESSENCE_MAX_READ_BYTES);
    assert_true(offset <= song->length && length <= song->length - offset);
    memcpy(out, song->bytes + offset, length);
    return STATUS_OK;
}

void song_split(struct essence *out, const struct buffer *song)
{
    struct buffer copy = *song;
    const struct essence_source source = {
        .read = read_song, .context = &copy, .size_bytes = song->length};
    assert_int_equal(essence_split(out, &source, NULL), STATUS_OK);
    assert_true(out->span_count <= ESSENCE_MAX_SPANS);
    uint64_t sum = out->removed_bytes;
    for (size_t i = 0; i < out->span_count; i++) {
        assert_true(out->spans[i].length_bytes >= 1);
        sum += out->spans[i].length_bytes;
    }
    assert_int_equal(sum, song->length);
    assert_true(heads_valid(out->heads.bytes, out->heads.length, song->length,
                            out->removed_bytes));
}

void song_expect(const struct buffer *song, const char *spans)
{
    struct essence essence;
    struct buffer text = {0};
    song_split(&essence, song);
    for (size_t i = 0; i < essence.span_count; i++) {
        const struct span *span = &essence.spans[i];
        assert_int_equal(buffer_printf(&text, NULL, "%s%c%u", i > 0 ? " " : "",
                                       "?tis"[span->kind],
                                       (unsigned)span -> length_bytes),
                         STATUS_OK);
    }
    assert_string_equal(buffer_text(&text), spans);
    buffer_clear(&text);
    essence_clear(&essence);
}

void song_sound(struct buffer *out, const struct buffer *song)
{
    struct essence essence;
    struct buffer copy = {0};
    struct heads_cursor cursor;
    size_t at = 0;
    song_split(&essence, song);
    song_bytes(&copy, song->bytes, song->length);
    heads_cursor_init(&cursor, essence.heads.bytes, essence.heads.length);
    copy.length = heads_take_out(&cursor, 0, copy.bytes, copy.length);
    for (size_t i = 0; i < essence.span_count; i++) {
        const struct span *span = &essence.spans[i];
        if (span->kind == SPAN_SOUND) {
            song_bytes(out, copy.bytes + at, (size_t)span->length_bytes);
        }
        at += (size_t)span->length_bytes;
    }
    buffer_clear(&copy);
    essence_clear(&essence);
}
