/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_MANIFEST_H
#define REFRAIN_CATALOG_VAULT_MANIFEST_H

#include "catalog/vault/essence.h"
#include "catalog/vault/seal.h"
#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** The list from which a stored file is put together again: its chunks in
 *  order, with their names and keys. Sealed under a key that the account's key
 *  gives, and bound to account and track: moved elsewhere it does not open.
 *  Offset table: catalog/FORMAT.md. No I/O; thread-safe. */

enum part_kind {
    PART_SOUND = 1, /* the next bytes of the file, or of the packets of Ogg */
    PART_TAGS = 2,  /* likewise */
    PART_HEADS = 3, /* the next bytes of the list of heads (heads.h): behind all
                       others, and no bytes of the file */
};

struct manifest_part {
    enum part_kind kind;
    struct chunk_ref chunk;
};

/* 4 GiB: more than any song and a bound on all that follows from it. */
#define MANIFEST_MAX_FILE_BYTES ESSENCE_MAX_FILE_BYTES
enum {
    /* The largest file in the smallest chunks, the largest list of heads
     * likewise; and the last chunk of each span, and of the list, may be under
     * CHUNKER_MIN_BYTES. */
    MANIFEST_MAX_PARTS =
        (1 << 16) + HEADS_MAX_BYTES / CHUNKER_MIN_BYTES + ESSENCE_MAX_SPANS + 1,
    MANIFEST_PART_BYTES = 1 + 4 + AES128_KEY_BYTES + SHA256_BYTES,
    MANIFEST_MAX_SEALED_BYTES = 64 + MANIFEST_MAX_PARTS * MANIFEST_PART_BYTES,
};
_Static_assert((UINT64_C(1) << 32) / CHUNKER_MIN_BYTES == 1 << 16,
               "the largest file in the smallest chunks");

/** A zeroed struct is an empty manifest: that of an empty file. */
struct manifest {
    struct manifest_part *parts; /* owned, part_count of them; secret */
    size_t part_count;
    size_t part_capacity;
    uint64_t size_bytes;  /* of the file: the sum over its parts, and the heads
                             that the list puts among them */
    uint64_t parts_bytes; /* the sum */
    uint32_t heads_bytes; /* of the list */
    uint8_t secret_version; /* of the region, when its keys were made */
};

/** Adds a part at the end; bytes of the file never after heads. size_bytes
 *  grows with it: what heads add is the caller's to add.
 *  STATUS_LIMIT "too_large" past the bounds above; STATUS_NO_MEMORY. Nothing
 *  was added then. */
MUST_USE enum status manifest_add(struct manifest *manifest,
                                  enum part_kind kind,
                                  const struct chunk_ref *chunk,
                                  struct error *err);
/** Wipes and frees. */
void manifest_clear(struct manifest *manifest);

/** Whose it is. Borrowed. */
struct manifest_place {
    const uint8_t *account_key; /* AES256_KEY_BYTES */
    const char *account_id;
    const char *track_id;
};

/** Appends the sealed manifest to `out`. STATUS_NO_MEMORY: `out` is as it
 *  was. */
MUST_USE enum status manifest_seal(struct buffer *out,
                                   const struct manifest *manifest,
                                   const struct manifest_place *place,
                                   struct error *err);
/** Opens and checks a sealed manifest.
 *  out  the caller's on STATUS_OK: manifest_clear() it. Empty on error.
 *  STATUS_CORRUPT "manifest": changed, of another place, or of a form that is
 *  not known here; STATUS_NO_MEMORY. */
MUST_USE enum status manifest_open(struct manifest *out, const void *sealed,
                                   size_t length,
                                   const struct manifest_place *place,
                                   struct error *err);

/** What manifest_open() does after unsealing, for tests of hostile bytes. */
MUST_USE enum status manifest_parse(struct manifest *out, const uint8_t *body,
                                    size_t length, struct error *err);

#endif
