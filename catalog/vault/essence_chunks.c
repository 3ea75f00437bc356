/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/essence_internal.h"

#include "matcher/buffer.h"

#include <string.h>

/* Files that are a row of blocks with a name and a length:
 *   FLAC   RFC 9639, section 8: metadata blocks, then frames
 *   WAV    Multimedia Programming Interface and Data Specifications 1.0 (RIFF);
 *          RF64: EBU Tech 3306, whose chunk ds64 has the length of the sound
 *   AIFF   Audio Interchange File Format 1.3, AIFF-C: the same, big-endian */

enum {
    FLAC_LAST_BLOCK = 0x80,
    CHUNK_HEAD_BYTES = 8,
    FORM_HEAD_BYTES = 12,
};

void essence_flac(struct splitter *s)
{
    uint8_t head[4];
    uint64_t at = s->at + 4;
    bool last = false;
    while (!last && essence_read(s, at, head, sizeof head)) {
        uint64_t body = at + sizeof head;
        uint64_t length = load_u32be(head) & 0xffffff;
        if (body > s->end || length > s->end - body) {
            return;
        }
        essence_take(s, SPAN_TAGS, body);
        essence_take_item(s, body + length);
        at = body + length;
        last = (head[0] & FLAC_LAST_BLOCK) != 0;
    }
}

/* A name is of printable characters; what is none is no chunk. */
static bool is_name(const uint8_t name[4])
{
    for (size_t i = 0; i < 4; i++) {
        if (name[i] < 0x20 || name[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* What stands in a chunk from `s->at` on, which is its body's start. */
static void take_chunk(struct splitter *s, const uint8_t name[4], uint64_t end)
{
    if (memcmp(name, "data", 4) == 0 || memcmp(name, "SSND", 4) == 0) {
        essence_take(s, SPAN_SOUND, end);
        return;
    }
    if (memcmp(name, "id3 ", 4) == 0 || memcmp(name, "ID3 ", 4) == 0) {
        (void)essence_id3v2(s);
    }
    essence_take_item(s, end);
}

static void take_chunks(struct splitter *s, bool big_endian)
{
    uint8_t head[CHUNK_HEAD_BYTES];
    uint8_t sizes[16]; /* of the file, of the sound */
    uint64_t sound_bytes = UINT64_MAX;
    uint64_t at = s->at + FORM_HEAD_BYTES;
    while (essence_read(s, at, head, sizeof head) && is_name(head)) {
        uint64_t body = at + sizeof head;
        uint64_t length =
            big_endian ? load_u32be(head + 4) : load_u32le(head + 4);
        if (body > s->end) {
            return;
        }
        if (memcmp(head, "ds64", 4) == 0 &&
            essence_read(s, body, sizes, sizeof sizes)) {
            sound_bytes = load_u64le(sizes + 8);
        }
        if (length == UINT32_MAX) { /* of RF64, or of a stream */
            length = sound_bytes;
        }
        if (length > s->end - body) {
            length = s->end - body;
        }
        essence_take(s, SPAN_TAGS, body);
        take_chunk(s, head, body + length);
        at = body + length + (length & 1);
    }
}

void essence_riff(struct splitter *s)
{
    take_chunks(s, false);
}

void essence_aiff(struct splitter *s)
{
    take_chunks(s, true);
}
