/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_SUPPORT_SONGS_H
#define REFRAIN_TESTS_SUPPORT_SONGS_H

#include "catalog/vault/essence.h"
#include "matcher/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Songs written byte by byte, as the specifications have them, for tests of
 *  what is told apart in them. All functions fail the test when something does
 *  not go as it should. */

/** Integers and texts at the end. */
void song_text(struct buffer *song, const char *text);
void song_bytes(struct buffer *song, const void *bytes, size_t length);
void song_u32be(struct buffer *song, uint32_t value);
void song_u32le(struct buffer *song, uint32_t value);
/** Bytes that look random and follow from the seed; none is a sign of any
 *  container. */
void song_noise(struct buffer *song, size_t length, uint64_t seed);

/** An ID3v2 tag of this version (3 or 4): a title of `title_bytes`, a cover
 *  of `cover_bytes` unless 0, zeros up to `padding_bytes`. */
void song_id3v2(struct buffer *song, uint8_t version, size_t title_bytes,
                size_t cover_bytes, size_t padding_bytes);

/** A page of Ogg that holds `length` bytes as one packet, or its beginning when
 *  `goes_on`. The checksum is any number. */
struct ogg_page {
    uint8_t flags; /* 1 goes on from before, 2 first, 4 last */
    uint32_t serial;
    uint32_t number;
    const uint8_t *bytes;
    size_t length; /* under 255 * 255; a multiple of 255 when goes_on */
    bool goes_on;
};
void song_ogg_page(struct buffer *song, const struct ogg_page *page);
/** A stream of Vorbis: headers with one comment of that many bytes, over as
 * many pages as it takes, then the sound, `pages` pages of it that follow from
 *  `seed`. */
void song_vorbis(struct buffer *song, uint32_t serial, size_t comment_bytes,
                 size_t pages, uint64_t seed);

/** A box of MP4 from `start` on gets its length: all that follows. */
size_t song_box(struct buffer *song, const char *type);
void song_box_end(struct buffer *song, size_t start);

/** Splits and checks what always holds: spans and heads cover the file.
 *  essence_clear() it. */
void song_split(struct essence *out, const struct buffer *song);
/** The same, and the spans are these: "t10 i5000 s123", kind and length. */
void song_expect(const struct buffer *song, const char *spans);
/** All bytes of sound as they would be stored, one span behind the other. */
void song_sound(struct buffer *out, const struct buffer *song);

#endif
