/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_HEADS_H
#define REFRAIN_CATALOG_VAULT_HEADS_H

#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The heads of Ogg's pages (RFC 3533, section 6), apart from what they frame.
 * A longer comment changes the number and the checksum in every later head, and
 *  programs cut the same packets into different pages. So the packets are
 *  stored without heads, one behind the other, and a list of heads puts them
 *  back.
 *
 *  The list is one row of bytes, catalog/FORMAT.md has the code: of a head that
 *  is as one expects behind the one before, only what cannot be known, 10 to 30
 *  bytes. Ascending; heads do not overlap. Pure. */

enum {
    HEAD_FIXED_BYTES = 27,
    HEAD_MAX_BYTES = HEAD_FIXED_BYTES + 255, /* and a length for each segment */
    HEAD_MAX_CODE_BYTES = 5 + HEAD_MAX_BYTES, /* of one, in the list */
    /* 300 000 pages, 1 GiB of them as they usually are; and what a reader may
     * have to hold */
    HEADS_MAX_BYTES = 8 * 1024 * 1024,
};

struct head {
    uint64_t offset; /* in the file */
    size_t length;   /* HEAD_FIXED_BYTES + bytes[26]; 0: none */
    uint8_t bytes[HEAD_MAX_BYTES];
};

/** Adds one to the list behind `*last`, which is a zeroed struct at first and
 *  becomes `head`; it begins at or behind the end of the one before. There must
 *  be room: HEAD_MAX_CODE_BYTES under HEADS_MAX_BYTES.
 *  STATUS_NO_MEMORY: nothing was added. */
MUST_USE enum status heads_add(struct buffer *list, struct head *last,
                               const struct head *head, struct error *err);

/** Is it a list of heads that lie within a file of that size, and have
 *  `removed_bytes` together? */
bool heads_valid(const uint8_t *list, size_t length, uint64_t size_bytes,
                 uint64_t removed_bytes);

/** A place in a list; the list is borrowed. Cheap where the file is gone
 *  through in order; a step back begins at the list's front. A copy is a
 *  cursor. */
struct heads_cursor {
    const uint8_t *list;
    size_t length;
    size_t at;        /* in the list, behind `head` */
    uint64_t from;    /* in the file: the end of the head before */
    uint64_t removed; /* bytes of all heads before */
    bool held;        /* is there one more? */
    struct head head; /* the next */
};
void heads_cursor_init(struct heads_cursor *out, const uint8_t *list,
                       size_t length);

/** Goes to `offset` in the file; how many bytes before it are of heads. */
uint64_t heads_before(struct heads_cursor *cursor, uint64_t offset);

/** `bytes` are the file's from `offset` on: moves what is of no head to the
 *  front, and gives its length. */
size_t heads_take_out(struct heads_cursor *cursor, uint64_t offset,
                      uint8_t *bytes, size_t length);
/** The inverse: the last `kept` of `bytes` are what is of no head. */
void heads_put_in(struct heads_cursor *cursor, uint64_t offset, uint8_t *bytes,
                  size_t length, size_t kept);

#endif
