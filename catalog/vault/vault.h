/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_VAULT_H
#define REFRAIN_CATALOG_VAULT_VAULT_H

#include "catalog/vault/keyring.h"
#include "catalog/vault/store.h"
#include "matcher/buffer.h"
#include "matcher/status.h"

#include <stdint.h>

/** Where unmatched audio is kept: tags apart from sound (essence.h), cut into
 *  chunks by content, each sealed under a key that its contents and the
 * region's secret give, stored under the hash of its ciphertext; the list of
 * chunks and keys is the manifest, sealed under the account's key. Bytes:
 * catalog/FORMAT.md. A file has up to 4 GiB and MANIFEST_MAX_PARTS chunks; an
 * empty one is fine and has none. Thread-safe: one vault serves all threads; a
 * reader belongs to one. */
struct vault;
struct vault_reader;
struct store; /* catalog/vault/store.h */

/** Whose file it is and which: binds a manifest to its place, so that a
 *  manifest moved to another account or track does not open. Borrowed. */
struct vault_owner {
    const uint8_t *account_key; /* AES256_KEY_BYTES */
    const char *account_id;
    const char *track_id;
    const char *region;
};

/** Who keeps objects from being collected while a file is being stored: before
 *  the store is asked for an object, or given one, its name is pinned, so that
 *  it stays until the manifest is committed (catalog/upkeep/pins.h).
 *  pin  all of `count` names, 1..VAULT_PINS_MAX; anything but STATUS_OK ends
 *       the vault_put() and is handed on */
enum { VAULT_PINS_MAX = 32 };
struct vault_guard {
    enum status (*pin)(void *context, const uint8_t (*names)[SHA256_BYTES],
                       size_t count, struct error *err);
    void *context;
};

/** store    where the objects lie; taken, on error too
 *  keyring  borrowed while the vault lives
 *  STATUS_NO_MEMORY. */
MUST_USE enum status vault_open(struct vault **out, struct store *store,
                                const struct keyring *keyring,
                                struct error *err);
/** The same on a folder, DIR/vault, which is made when missing: as
 *  store_folder_open(). */
MUST_USE enum status vault_open_folder(struct vault **out, const char *folder,
                                       const struct keyring *keyring,
                                       struct error *err);
void vault_close(struct vault *vault);

/** Stores all of `fd` (from offset 0 to its end; borrowed). On STATUS_OK every
 *  chunk is durable (file and folder synced) and `manifest` holds the sealed
 *  list, to be kept with the library entry.
 *  guard     NULL where nobody collects
 *  manifest  appended to; as it was on error
 *  STATUS_UNAVAILABLE "vault_full" no space, "vault_write" the disk refuses,
 *  what else the store gives, "upload_unreadable" fd cannot be read,
 * "keys_missing" no secret of the owner's region here; STATUS_LIMIT "too_large"
 * over 4 GiB; STATUS_NO_MEMORY. Nothing that others see was changed: chunks
 * that were stored already stay (they would be the same at the next try). */
MUST_USE enum status vault_put(struct vault *vault,
                               const struct vault_owner *owner, int fd,
                               const struct vault_guard *guard,
                               struct buffer *manifest, struct error *err);

/** Opens a stored file; `vault` must outlive the reader. The owner's region is
 *  not asked. STATUS_CORRUPT "manifest": does not verify, or is not this
 *  owner's. */
MUST_USE enum status
vault_reader_open(struct vault_reader **out, struct vault *vault,
                  const struct vault_owner *owner, const void *manifest,
                  size_t manifest_length, struct error *err);
uint64_t vault_reader_size(const struct vault_reader *reader);
/** Reads up to `length` bytes at `offset` into `out`; *got is short only at
 *  the end of the file. Only verified bytes are handed out: on error *got is 0
 *  and what was put into `out` is wiped. A seek costs one 16 KiB segment; the
 *  first read of an Ogg file also its list of heads, 0.6 % of it.
 *  STATUS_CORRUPT "chunk_corrupt" · STATUS_UNAVAILABLE "chunk_missing",
 *  "chunk_unreadable", what else the store gives. */
MUST_USE enum status vault_read(struct vault_reader *reader, uint64_t offset,
                                void *out, size_t length, size_t *got,
                                struct error *err);
void vault_reader_close(struct vault_reader *reader);

/** Where the objects lie, for those who look after them; borrowed while the
 *  vault lives. */
struct store *vault_store(struct vault *vault);

/** Can a chunk be written and synced now? For readiness; writes 5 bytes.
 *  STATUS_UNAVAILABLE as vault_put(). */
MUST_USE enum status vault_probe(struct vault *vault, struct error *err);

#endif
