/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/essence_internal.h"

#include <string.h>

/* MP4, M4A: boxes (ISO/IEC 14496-12, section 4.2); tags as iTunes writes them,
 * moov/udta/meta/ilst (QuickTime File Format Specification, "Metadata").
 *
 * A new tag changes the lengths of the boxes around it and, where moov stands
 * before the sound, the places in stco and co64. The tables of sample sizes
 * and times stay what they were; that of sizes (stsz) is 1 % of a song at 128
 * kbit/s, so that it is worth a span. */

enum {
    TYPE_BYTES = 4,
    BOX_HEAD_BYTES = 8,
    LARGE_HEAD_BYTES = 16, /* with a length of 64 bits */
};

struct box {
    uint8_t type[TYPE_BYTES];
    uint64_t body;
    uint64_t end;
};

/* types  each with a comma behind it */
static bool is_one_of(const struct box *box, const char *types)
{
    for (; *types != '\0'; types += TYPE_BYTES + 1) {
        if (memcmp(box->type, types, TYPE_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* The box at `at`, which ends at `limit` at the latest. False where none can
 * be. A length of 0 goes up to the limit, as only the file's last box may. */
static bool read_box(struct splitter *s, uint64_t at, uint64_t limit,
                     struct box *out)
{
    uint8_t head[LARGE_HEAD_BYTES];
    uint64_t head_bytes = BOX_HEAD_BYTES;
    if (at >= limit || !essence_read(s, at, head, BOX_HEAD_BYTES)) {
        return false;
    }
    uint64_t length = load_u32be(head);
    if (length == 1) {
        head_bytes = LARGE_HEAD_BYTES;
        if (!essence_read(s, at, head, LARGE_HEAD_BYTES)) {
            return false;
        }
        length = (uint64_t)load_u32be(head + 8) << 32 | load_u32be(head + 12);
    }
    if (length == 0 || length > limit - at) {
        length = limit - at;
    }
    if (length < head_bytes) {
        return false;
    }
    memcpy(out->type, head + 4, sizeof out->type);
    out->body = at + head_bytes;
    out->end = at + length;
    return true;
}

/* Where the boxes in a `meta` begin: behind four bytes of version and flags,
 * which QuickTime's has not. */
static uint64_t first_in_meta(struct splitter *s, const struct box *meta)
{
    uint8_t bytes[8];
    if (essence_read(s, meta->body, bytes, sizeof bytes) &&
        memcmp(bytes + 4, "hdlr", 4) != 0) {
        return meta->body + 4;
    }
    return meta->body;
}

/* One walk over all boxes in moov, whatever their depth: of a box that has
 * boxes the head alone is passed over. */
static void take_moov(struct splitter *s, const struct box *moov)
{
    struct box box;
    uint64_t at = moov->body;
    while (read_box(s, at, moov->end, &box)) {
        at = box.end;
        if (is_one_of(&box, "trak,mdia,minf,stbl,udta,ilst,")) {
            at = box.body;
        } else if (is_one_of(&box, "meta,")) {
            at = first_in_meta(s, &box);
        } else if (box.end - box.body >= ESSENCE_ITEM_MIN_BYTES) {
            essence_take(s, SPAN_TAGS, box.body);
            essence_take(s, SPAN_ITEM, box.end);
        }
    }
    essence_take(s, SPAN_TAGS, moov->end);
}

void essence_mp4(struct splitter *s)
{
    struct box box;
    while (read_box(s, s->at, s->end, &box)) {
        if (is_one_of(&box, "moov,")) {
            take_moov(s, &box);
        } else if (is_one_of(&box, "ftyp,free,skip,wide,udta,meta,uuid,")) {
            essence_take(s, SPAN_TAGS, box.body);
            essence_take_item(s, box.end);
        } else { /* mdat, and what a file in fragments has */
            essence_take(s, SPAN_SOUND, box.end);
        }
    }
}
