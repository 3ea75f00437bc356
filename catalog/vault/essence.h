/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_ESSENCE_H
#define REFRAIN_CATALOG_VAULT_ESSENCE_H

#include "catalog/vault/heads.h"
#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Which bytes of a file are its sound and which are tags: subscribers edit
 *  tags, and the sound stays what it was. A file is a row of spans that cover
 *  it; each is chunked from its own start, so that equal sound gives equal
 *  chunks whatever stands around it. Understood are MPEG audio (or anything)
 *  with ID3v2, ID3v1, APE and Lyrics3 tags, FLAC, MP4, Ogg, WAV (RF64 too) and
 *  AIFF, each from its specification, named in its file. What is not
 *  understood, or not as it should be, is sound: a file of another kind is one
 *  span. Whatever the spans are, the file comes back: nothing here is trusted.
 *
 *  Pure but for the source. Bounds: ESSENCE_MAX_READS reads of at most
 *  ESSENCE_MAX_READ_BYTES, each further on in the file than the one before or
 *  at its end; 5 KB and the list. Thread-safe. */

/* More than any song, and what the list of heads can reach. */
#define ESSENCE_MAX_FILE_BYTES (UINT64_C(1) << 32)
enum {
    ESSENCE_MAX_SPANS = 256, /* what comes after is the last one's */
    ESSENCE_MAX_READ_BYTES = 512,
    ESSENCE_MAX_READS = 1 << 20,   /* 4 GiB in pages of 4 KiB */
    ESSENCE_ITEM_MIN_BYTES = 4096, /* a disk block: what is smaller saves
                                      nothing when it is kept on its own */
};

enum span_kind {
    SPAN_TAGS = 1, /* what a new tag changes, small or not */
    SPAN_ITEM, /* one large thing among them: a cover, which an album's songs
                  share, or a table of MP4's. What changes beside it
                  leaves it as it was */
    SPAN_SOUND,
};

struct span {
    uint64_t length_bytes; /* 1 or more; heads of pages are not in it */
    enum span_kind kind;
};

/** A zeroed struct is that of an empty file. */
struct essence {
    struct span spans[ESSENCE_MAX_SPANS]; /* in the order of the file */
    size_t span_count;
    struct buffer heads; /* owned; the list of heads of Ogg's pages (heads.h),
                            which stand among the spans' bytes */
    uint64_t removed_bytes; /* of all heads: with the spans, the whole file */
};

/** Where a file's bytes come from.
 *  read  fills `out` with what stands at `offset`, all of it within the file;
 *        its failure ends the splitting and is handed on */
struct essence_source {
    enum status (*read)(void *context, uint64_t offset, uint8_t *out,
                        size_t length, struct error *err);
    void *context;
    uint64_t size_bytes;
};

/** out     the caller's on STATUS_OK: essence_clear() it. Empty on error.
 *  source  of up to ESSENCE_MAX_FILE_BYTES
 *  STATUS_NO_MEMORY, or what the source said. */
MUST_USE enum status essence_split(struct essence *out,
                                   const struct essence_source *source,
                                   struct error *err);
/** Wipes the list and frees it. */
void essence_clear(struct essence *essence);

#endif
