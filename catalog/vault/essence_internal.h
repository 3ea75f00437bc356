/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_ESSENCE_INTERNAL_H
#define REFRAIN_CATALOG_VAULT_ESSENCE_INTERNAL_H

#include "catalog/vault/essence.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the parsers of essence_*.c share. A parser goes through the file and
 *  gives it away piece by piece; where it understands no more it returns, and
 *  what it left is sound. */

struct splitter {
    struct essence *out;
    const struct essence_source *source;
    uint64_t at;         /* all bytes before it have a span */
    uint64_t end;        /* of what a parser may give away */
    uint32_t reads_left; /* bounds the work */
    enum status status;  /* the first failure, which stops all reading */
    struct error *err;
};

/** Bytes of the file. False where they are not all there, when enough was
 *  read, or after a failure: then the parser returns. */
MUST_USE bool essence_read(struct splitter *s, uint64_t offset, uint8_t *out,
                           size_t length);
/** Gives the bytes up to offset `to` to a span, where there are any: to the
 *  last one if both are tags or both sound, else to a new one. */
void essence_take(struct splitter *s, enum span_kind kind, uint64_t to);
/** The same for one thing among the tags: a span of its own when it is large,
 *  else it stays with them. */
void essence_take_item(struct splitter *s, uint64_t to);
/** To the last span whatever it is; there must be one. */
void essence_take_more(struct splitter *s, uint64_t to);

/* The parsers. Each begins at `s->at`, where its file's first bytes are. */
void essence_flac(struct splitter *s);
void essence_riff(struct splitter *s);
void essence_aiff(struct splitter *s);
void essence_mp4(struct splitter *s);
void essence_ogg(struct splitter *s);

/** Gives away the ID3v2 tag at `s->at`; false where there is none. */
bool essence_id3v2(struct splitter *s);
/** Where the tags at the file's end begin; `s->end` where there are none. */
uint64_t essence_tail(struct splitter *s);
/** Gives away those tags, `s->at` being at their start. */
void essence_take_tail(struct splitter *s);

static inline uint32_t load_u32be(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
           (uint32_t)at[2] << 8 | at[3];
}

#endif
