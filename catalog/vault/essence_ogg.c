/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/essence_internal.h"

#include "matcher/buffer.h"

#include <string.h>

/* Ogg (RFC 3533): a file is a row of pages, one logical stream behind the
 * other. A stream begins with its codec's header packets, the second of which
 * is the comment; the sound begins on a page of its own (Vorbis I, appendix A;
 * RFC 7845, section 3; RFC 9639, section 10.1). A longer comment takes more
 * pages, so that all later pages get other sequence numbers and checksums; and
 * whoever encodes a song anew, or copies its packets, draws another serial
 * number. These three are patches. */

enum {
    PAGE_HEAD_BYTES = 27,
    MAX_LACING_BYTES = 255,
    MAX_HEAD_BYTES = PAGE_HEAD_BYTES + MAX_LACING_BYTES,
    FIRST_PAGE = 0x02,
    PAGE_PATCH = 14, /* in a page: serial, sequence number, checksum */
    CODEC_BYTES = 9, /* enough to know any codec by */
};
_Static_assert((int)MAX_HEAD_BYTES <= (int)ESSENCE_MAX_READ_BYTES,
               "one read a page");

struct page {
    bool first;            /* of a logical stream */
    uint32_t packets_done; /* that end in it */
    uint64_t offset;
    uint64_t body;
    uint64_t end;
    uint8_t patch[PATCH_BYTES];
};

static bool read_page(struct splitter *s, uint64_t at, struct page *out)
{
    uint8_t head[MAX_HEAD_BYTES];
    uint64_t rest = at < s->end ? s->end - at : 0;
    size_t length = rest < sizeof head ? (size_t)rest : sizeof head;
    if (length < PAGE_HEAD_BYTES || !essence_read(s, at, head, length) ||
        memcmp(head, "OggS\0", 5) != 0 ||
        length < (size_t)PAGE_HEAD_BYTES + head[26]) {
        return false;
    }
    *out = (struct page){.first = (head[5] & FIRST_PAGE) != 0,
                         .offset = at,
                         .body = at + PAGE_HEAD_BYTES + head[26]};
    out->end = out->body;
    for (size_t i = 0; i < head[26]; i++) {
        uint8_t lacing = head[PAGE_HEAD_BYTES + i];
        out->end += lacing;
        out->packets_done += lacing < MAX_LACING_BYTES;
    }
    memcpy(out->patch, head + PAGE_PATCH, PATCH_BYTES);
    return out->end <= s->end;
}

/* How many packets of headers a stream has whose first page this is; 0: of no
 * codec that is known here. */
static uint32_t header_packets(struct splitter *s, const struct page *page)
{
    uint8_t codec[CODEC_BYTES];
    if (!essence_read(s, page->body, codec, sizeof codec)) {
        return 0;
    }
    if (memcmp(codec, "\x01vorbis", 7) == 0) {
        return 3; /* identification, comment, setup */
    }
    if (memcmp(codec, "OpusHead", 8) == 0) {
        return 2;
    }
    if (memcmp(codec,
               "\x7f"
               "FLAC",
               5) == 0) {
        uint32_t others = (uint32_t)codec[7] << 8 | codec[8];
        return others == 0 ? 0 : 1 + others; /* 0: they do not say */
    }
    return 0;
}

/* False when there are enough: all that follows stays as it is. */
static bool add_patch(struct splitter *s, struct patch *last,
                      const struct page *page)
{
    struct patch patch = {.offset = page->offset + PAGE_PATCH};
    struct buffer *list = &s->out->patches;
    memcpy(patch.bytes, page->patch, PATCH_BYTES);
    if (list->length > PATCH_LIST_MAX_BYTES - PATCH_MAX_CODE_BYTES) {
        return false;
    }
    s->status = patch_add(list, last, &patch, s->err);
    return s->status == STATUS_OK;
}

void essence_ogg(struct splitter *s)
{
    struct page page;
    struct patch last = {0};
    uint32_t headers_left = 0;
    for (uint64_t at = s->at; read_page(s, at, &page); at = page.end) {
        if (page.first) {
            /* a second stream beside the first is no song of ours */
            headers_left = headers_left == 0 ? header_packets(s, &page) : 0;
            if (headers_left == 0) {
                return;
            }
        }
        bool headers = headers_left > 0;
        essence_take(s, headers ? SPAN_TAGS : SPAN_SOUND, page.end);
        if (headers) {
            headers_left -= page.packets_done < headers_left ? page.packets_done
                                                             : headers_left;
            continue;
        }
        if (!add_patch(s, &last, &page)) {
            return;
        }
    }
}
