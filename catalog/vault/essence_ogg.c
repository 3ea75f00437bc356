/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/essence_internal.h"

#include "matcher/buffer.h"

#include <string.h>

/* Ogg (RFC 3533): a file is a row of pages, one logical stream behind the
 * other. A stream begins with its codec's header packets, the second of which
 * is the comment; the sound begins on a page of its own (Vorbis I, appendix A;
 * RFC 7845, section 3; RFC 9639, section 10.1).
 *
 * Heads of pages go into the list, so that spans are made of packets alone: the
 * sound is the same however a comment or a program moves the pages' borders,
 * and a cover, which is base64 in the comment over many pages, is one item. */

enum {
    FIRST_PAGE = 0x02,
    MAX_LACING = 255,
    CODEC_BYTES = 9, /* enough to know any codec by */
    NUMBER_BYTES = 4,
};
_Static_assert((int)HEAD_MAX_BYTES <= (int)ESSENCE_MAX_READ_BYTES,
               "one read a page");

/* Where in the comment packet the walk is (Vorbis I, section 5.2.1: lengths
 * and a count of four bytes, little-endian): a vendor, a count, comments. */
struct comments {
    uint64_t left; /* bytes of the text in hand, or of what comes before all */
    bool item;     /* the text in hand has a span of its own */
    bool counted;  /* the vendor is behind, and the count too */
    bool vendor;   /* the vendor is behind */
    uint8_t number[NUMBER_BYTES];
    size_t number_length;
};

struct ogg {
    struct head head;         /* of the page in hand */
    struct head last;         /* of the page before */
    uint64_t end;             /* of the page in hand */
    uint32_t packet;          /* of the stream: the one in hand */
    uint32_t header_packets;  /* how many the stream has */
    bool item;                /* the packet in hand has a span already */
    struct comments comments; /* of packet 1 */
};

static bool read_page(struct splitter *s, uint64_t at, struct ogg *ogg)
{
    struct head *head = &ogg->head;
    uint64_t rest = at < s->end ? s->end - at : 0;
    size_t length = rest < HEAD_MAX_BYTES ? (size_t)rest : HEAD_MAX_BYTES;
    if (length < HEAD_FIXED_BYTES ||
        !essence_read(s, at, head->bytes, length) ||
        memcmp(head->bytes, "OggS\0", 5) != 0) {
        return false;
    }
    uint8_t segments = head->bytes[HEAD_FIXED_BYTES - 1];
    head->offset = at;
    head->length = (size_t)HEAD_FIXED_BYTES + segments;
    ogg->end = at + head->length;
    for (size_t i = 0; i < segments && head->length <= length; i++) {
        ogg->end += head->bytes[HEAD_FIXED_BYTES + i];
    }
    return head->length <= length && ogg->end <= s->end;
}

/* A stream's first page: how many packets of headers it has, and what comes
 * before the comments. False: of no codec that is known here. */
static bool begin_stream(struct splitter *s, struct ogg *ogg)
{
    uint8_t codec[CODEC_BYTES];
    ogg->packet = 0;
    ogg->header_packets = 0;
    ogg->item = false;
    ogg->comments = (struct comments){0};
    if (!essence_read(s, ogg->head.offset + ogg->head.length, codec,
                      sizeof codec)) {
        return false;
    }
    if (memcmp(codec, "\x01vorbis", 7) == 0) {
        ogg->header_packets = 3; /* identification, comment, setup */
        ogg->comments.left = 7;  /* \x03vorbis */
    } else if (memcmp(codec, "OpusHead", 8) == 0) {
        ogg->header_packets = 2;
        ogg->comments.left = 8; /* OpusTags */
    } else if (memcmp(codec,
                      "\x7f"
                      "FLAC",
                      5) == 0) {
        uint32_t others = (uint32_t)codec[7] << 8 | codec[8];
        ogg->header_packets = others == 0 ? 0 : 1 + others; /* 0: not said */
        ogg->comments.left = 4;                             /* a block's head */
    }
    return ogg->header_packets > 0;
}

/* A number of the comment packet is whole. */
static void begin_text(struct comments *c)
{
    c->number_length = 0;
    if (c->vendor && !c->counted) {
        c->counted = true; /* a count is no text; lengths end with the packet */
        return;
    }
    c->vendor = true;
    c->left = load_u32le(c->number);
    c->item = false;
}

/* The next bytes of the comment packet, up to `to`. */
static void take_comments(struct splitter *s, struct comments *c, uint64_t to)
{
    while (s->at < to && s->at < s->end) {
        uint64_t here = to - s->at;
        if (c->left > 0) {
            uint64_t part = c->left < here ? c->left : here;
            if (c->item) {
                essence_take_more(s, s->at + part);
            } else if (c->left >= ESSENCE_ITEM_MIN_BYTES) {
                essence_take(s, SPAN_ITEM, s->at + part);
                c->item = true;
            } else {
                essence_take(s, SPAN_TAGS, s->at + part);
            }
            c->left -= part;
            continue;
        }
        size_t missing = NUMBER_BYTES - c->number_length;
        size_t part = here < missing ? (size_t)here : missing;
        if (!essence_read(s, s->at, c->number + c->number_length, part)) {
            essence_take(s, SPAN_TAGS, to);
            return;
        }
        essence_take(s, SPAN_TAGS, s->at + part);
        c->number_length += part;
        if (c->number_length == NUMBER_BYTES) {
            begin_text(c);
        }
    }
}

/* The next bytes of the header packet in hand. Those behind the comment (the
 * codec's setup, FLAC's pictures) have a span each. */
static void take_header(struct splitter *s, struct ogg *ogg, uint64_t to)
{
    if (ogg->packet == 0) {
        essence_take(s, SPAN_TAGS, to);
    } else if (ogg->packet == 1) {
        take_comments(s, &ogg->comments, to);
    } else if (ogg->item) {
        essence_take_more(s, to);
    } else {
        essence_take(s, SPAN_ITEM, to);
        ogg->item = true;
    }
}

/* The body of a page that begins with a header packet. */
static void take_headers(struct splitter *s, struct ogg *ogg)
{
    const uint8_t *lacings = ogg->head.bytes + HEAD_FIXED_BYTES;
    size_t count = ogg->head.length - HEAD_FIXED_BYTES;
    uint64_t to = s->at;
    for (size_t i = 0; i < count && ogg->packet < ogg->header_packets; i++) {
        to += lacings[i];
        if (lacings[i] < MAX_LACING || i + 1 == count) {
            take_header(s, ogg, to);
        }
        if (lacings[i] < MAX_LACING) {
            ogg->packet++;
            ogg->item = false;
        }
    }
}

/* False when there are enough: all that follows stays as it is. */
static bool take_head(struct splitter *s, struct ogg *ogg)
{
    struct essence *out = s->out;
    if (out->heads.length > HEADS_MAX_BYTES - HEAD_MAX_CODE_BYTES) {
        return false;
    }
    s->status = heads_add(&out->heads, &ogg->last, &ogg->head, s->err);
    if (s->status != STATUS_OK) {
        return false;
    }
    out->removed_bytes += ogg->head.length;
    s->at += ogg->head.length;
    return true;
}

void essence_ogg(struct splitter *s)
{
    struct ogg ogg = {0};
    while (read_page(s, s->at, &ogg)) {
        if ((ogg.head.bytes[5] & FIRST_PAGE) != 0) {
            /* a second stream beside the first is no song of ours */
            if (ogg.packet < ogg.header_packets || !begin_stream(s, &ogg)) {
                return;
            }
        }
        if (!take_head(s, &ogg)) {
            return;
        }
        if (ogg.packet < ogg.header_packets) {
            take_headers(s, &ogg);
        }
        essence_take(s, SPAN_SOUND, ogg.end);
    }
}
