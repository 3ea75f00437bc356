/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/essence_internal.h"

#include "matcher/buffer.h"

#include <string.h>

/* Tags that stand before or behind any sound.
 *   ID3v2    id3.org: ID3 tag version 2 ("2.2"), 2.3.0, 2.4.0 (main structure,
 *            section 3); at the front, or at the end with a footer
 *   ID3v1    the last 128 bytes
 *   APE      APEv1, APEv2 (wiki.hydrogenaud.io, "APEv2 specification")
 *   Lyrics3  2.00 (id3.org/Lyrics3v2)
 * The frame of Xing, Info or LAME is a frame of the sound and stays there. */

enum {
    ID3_HEAD_BYTES = 10,
    ID3_FOOTER = 0x10,
    ID3_UNSYNCHRONISED = 0x80,
    ID3_EXTENDED = 0x40,
    ID3V1_BYTES = 128,
    APE_HEAD_BYTES = 32,
    APE_KEY_MAX_BYTES = 256, /* 2 to 255 characters and a NUL */
    APE_MAX_ITEMS = 1024,
    LYRICS_END_BYTES = 15, /* six digits and LYRICS200 */
    TAIL_MAX_TAGS = 8,     /* more than all kinds that there are */
};
#define APE_HAS_HEADER (UINT32_C(1) << 31)
#define APE_IS_HEADER (UINT32_C(1) << 29)

/* --- ID3v2 ------------------------------------------------------------------
 */

/* Four bytes of seven bits. */
static uint32_t load_synchsafe(const uint8_t *at)
{
    return (uint32_t)(at[0] & 0x7f) << 21 | (uint32_t)(at[1] & 0x7f) << 14 |
           (uint32_t)(at[2] & 0x7f) << 7 | (at[3] & 0x7f);
}

static bool is_synchsafe(const uint8_t *at)
{
    return ((at[0] | at[1] | at[2] | at[3]) & 0x80) == 0;
}

/* The length of the whole tag whose header or footer this is; 0: it is none. */
static uint64_t id3v2_length(const uint8_t head[ID3_HEAD_BYTES],
                             const char *mark)
{
    if (memcmp(head, mark, 3) != 0 || head[3] < 2 || head[3] > 4 ||
        !is_synchsafe(head + 6)) {
        return 0;
    }
    uint64_t length = ID3_HEAD_BYTES + (uint64_t)load_synchsafe(head + 6);
    if (head[3] == 4 && (head[5] & ID3_FOOTER) != 0) {
        length += ID3_HEAD_BYTES;
    }
    return length;
}

/* Where the first frame is; 0 where frames cannot be told apart: sizes before
 * 2.4 are those without unsynchronisation. */
static uint64_t first_frame(struct splitter *s, const uint8_t *head)
{
    uint64_t at = s->at + ID3_HEAD_BYTES;
    uint8_t size[4];
    if (head[3] < 4 && (head[5] & ID3_UNSYNCHRONISED) != 0) {
        return 0;
    }
    if (head[3] == 2 || (head[5] & ID3_EXTENDED) == 0) {
        return at;
    }
    if (!essence_read(s, at, size, sizeof size)) {
        return 0;
    }
    /* 2.3 does not count the size itself */
    return head[3] == 3 ? at + 4 + load_u32be(size) : at + load_synchsafe(size);
}

/* Gives large frames a span each; `to` is the tag's end. */
static void take_frames(struct splitter *s, const uint8_t *tag, uint64_t to)
{
    uint8_t head[10];
    const uint8_t version = tag[3];
    const size_t head_bytes = version == 2 ? 6 : 10;
    uint64_t at = first_frame(s, tag);
    while (at != 0 && at < to && to - at > head_bytes &&
           essence_read(s, at, head, head_bytes) && head[0] >= 'A' &&
           head[0] <= 'Z') {
        /* iTunes writes plain sizes into 2.4: seen where a bit 7 is set */
        uint64_t size = version == 2 ? load_u32be(head + 2) & 0xffffff
                        : version == 4 && is_synchsafe(head + 4)
                            ? load_synchsafe(head + 4)
                            : load_u32be(head + 4);
        if (size > to - at - head_bytes) {
            break;
        }
        if (size >= ESSENCE_ITEM_MIN_BYTES) {
            essence_take(s, SPAN_TAGS, at + head_bytes);
            essence_take(s, SPAN_ITEM, at + head_bytes + size);
        }
        at += head_bytes + size;
    }
    essence_take(s, SPAN_TAGS, to);
}

bool essence_id3v2(struct splitter *s)
{
    uint8_t head[ID3_HEAD_BYTES];
    if (!essence_read(s, s->at, head, sizeof head)) {
        return false;
    }
    uint64_t length = id3v2_length(head, "ID3");
    if (length == 0 || length > s->end - s->at) {
        return false;
    }
    take_frames(s, head, s->at + length);
    return true;
}

/* --- APE --------------------------------------------------------------------
 */

/* The length of the whole tag that ends with this footer; 0: it is none. */
static uint64_t ape_length(const uint8_t footer[APE_HEAD_BYTES])
{
    uint64_t size = load_u32le(footer + 12);
    uint32_t flags = load_u32le(footer + 20);
    if (memcmp(footer, "APETAGEX", 8) != 0 || size < APE_HEAD_BYTES ||
        (flags & APE_IS_HEADER) != 0) {
        return 0;
    }
    return size + ((flags & APE_HAS_HEADER) != 0 ? APE_HEAD_BYTES : 0);
}

/* Where the value of the item at `at` begins; 0: it is none. */
static uint64_t ape_value(struct splitter *s, uint64_t at, uint64_t to,
                          uint64_t *size)
{
    uint8_t head[8 + APE_KEY_MAX_BYTES];
    size_t length = to - at < sizeof head ? (size_t)(to - at) : sizeof head;
    if (length <= 8 || !essence_read(s, at, head, length)) {
        return 0;
    }
    const uint8_t *key_end = memchr(head + 8, 0, length - 8);
    *size = load_u32le(head);
    if (key_end == NULL) {
        return 0;
    }
    uint64_t value = at + (uint64_t)(key_end - head) + 1;
    return *size <= to - value ? value : 0;
}

/* `to` is the tag's end, `length` all of it. */
static void take_ape(struct splitter *s, const uint8_t *footer, uint64_t to)
{
    uint64_t items_end = to - APE_HEAD_BYTES;
    uint64_t at = to - load_u32le(footer + 12);
    for (int i = 0; i < APE_MAX_ITEMS && at < items_end; i++) {
        uint64_t size = 0;
        uint64_t value = ape_value(s, at, items_end, &size);
        if (value == 0) {
            break;
        }
        if (size >= ESSENCE_ITEM_MIN_BYTES) {
            essence_take(s, SPAN_TAGS, value);
            essence_take(s, SPAN_ITEM, value + size);
        }
        at = value + size;
    }
    essence_take(s, SPAN_TAGS, to);
}

/* --- the tail ---------------------------------------------------------------
 */

/* "LYRICSBEGIN" … six digits "LYRICS200": the digits count what is before
 * them. */
static uint64_t lyrics_length(const uint8_t end[LYRICS_END_BYTES])
{
    uint64_t length = 0;
    if (memcmp(end + 6, "LYRICS200", 9) != 0) {
        return 0;
    }
    for (size_t i = 0; i < 6; i++) {
        if (end[i] < '0' || end[i] > '9') {
            return 0;
        }
        length = 10 * length + (end[i] - '0');
    }
    return length + LYRICS_END_BYTES;
}

/* The length of the tag that ends at `end`; 0: there is none, or it would
 * begin before `s->at`. */
static uint64_t tag_before(struct splitter *s, uint64_t end)
{
    uint8_t bytes[ID3V1_BYTES];
    uint64_t room = end - s->at;
    uint64_t length = 0;
    if (room >= APE_HEAD_BYTES &&
        essence_read(s, end - APE_HEAD_BYTES, bytes, APE_HEAD_BYTES)) {
        length = ape_length(bytes);
        if (length == 0) {
            length =
                id3v2_length(bytes + APE_HEAD_BYTES - ID3_HEAD_BYTES, "3DI");
        }
        if (length == 0) {
            length = lyrics_length(bytes + APE_HEAD_BYTES - LYRICS_END_BYTES);
        }
    }
    if (length == 0 && room >= ID3V1_BYTES &&
        essence_read(s, end - ID3V1_BYTES, bytes, 3) &&
        memcmp(bytes, "TAG", 3) == 0) {
        length = ID3V1_BYTES;
    }
    return length <= room ? length : 0;
}

uint64_t essence_tail(struct splitter *s)
{
    uint64_t start = s->end;
    for (int i = 0; i < TAIL_MAX_TAGS; i++) {
        uint64_t length = tag_before(s, start);
        if (length == 0) {
            break;
        }
        start -= length;
    }
    return start;
}

/* The end of the first tag that begins at or behind `s->at`: found from the
 * back again, since only their ends are marked. */
static uint64_t end_of_first(struct splitter *s)
{
    uint64_t end = s->end;
    for (int i = 0; i < TAIL_MAX_TAGS; i++) {
        uint64_t length = tag_before(s, end);
        if (length == 0 || end - length <= s->at) {
            break;
        }
        end -= length;
    }
    return end;
}

void essence_take_tail(struct splitter *s)
{
    for (int i = 0; i < TAIL_MAX_TAGS && s->at < s->end; i++) {
        uint8_t footer[APE_HEAD_BYTES];
        uint64_t end = end_of_first(s);
        if (essence_id3v2(s)) {
            continue;
        }
        if (end - s->at >= sizeof footer &&
            essence_read(s, end - sizeof footer, footer, sizeof footer) &&
            ape_length(footer) != 0) {
            take_ape(s, footer, end);
        }
        essence_take(s, SPAN_TAGS, end);
    }
}
