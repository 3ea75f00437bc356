/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_PATCH_H
#define REFRAIN_CATALOG_VAULT_PATCH_H

#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What is taken out of a file's sound because it changes though the sound does
 *  not: of an Ogg page the serial number, the sequence number and the checksum,
 *  12 bytes in a row (RFC 3533, section 6). The sound is stored with zeros in
 *  their place, and a list of patches puts them back.
 *
 *  The list is one row of bytes, catalog/FORMAT.md has the code: about 6 bytes
 *  a page, since a page's serial is most often that of the page before and its
 *  sequence number one more. Ascending; patches do not overlap. Pure. */

enum {
    PATCH_BYTES = 12,
    /* a million pages: 4 GiB of them as they usually are, 4 KiB; and what a
     * reader may have to hold */
    PATCH_LIST_MAX_BYTES = 8 * 1024 * 1024,
    PATCH_MAX_CODE_BYTES = 5 + PATCH_BYTES, /* of one, in the list */
};

struct patch {
    uint64_t offset; /* in the file */
    uint8_t bytes[PATCH_BYTES];
};

/** Adds one to the list behind `*last`, which is a zeroed struct at first and
 *  becomes `patch`; it begins at or behind the end of the one before. There
 *  must be room: PATCH_MAX_CODE_BYTES under PATCH_LIST_MAX_BYTES.
 *  STATUS_NO_MEMORY: nothing was added. */
MUST_USE enum status patch_add(struct buffer *list, struct patch *last,
                               const struct patch *patch, struct error *err);

/** Is it a list of patches that lie within a file of that size? */
bool patch_list_valid(const uint8_t *list, size_t length, uint64_t size_bytes);

/** A place in a list; the list is borrowed. Cheap where the file is gone
 *  through in order; a step back begins at the list's front. */
struct patch_cursor {
    const uint8_t *list;
    size_t length;
    size_t at;     /* in the list, behind `patch` */
    uint64_t from; /* in the file: patches that end up to here are behind */
    bool held;     /* is there one more? */
    struct patch patch; /* the next */
};
void patch_cursor_init(struct patch_cursor *out, const uint8_t *list,
                       size_t length);

/** `bytes` are the file's from `offset` on: zeros for what patches hold, and
 *  what they hold for zeros. */
void patch_blank(struct patch_cursor *cursor, uint64_t offset, uint8_t *bytes,
                 size_t length);
void patch_restore(struct patch_cursor *cursor, uint64_t offset, uint8_t *bytes,
                   size_t length);

#endif
