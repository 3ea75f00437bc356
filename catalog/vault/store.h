/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_VAULT_STORE_H
#define REFRAIN_CATALOG_VAULT_STORE_H

#include "catalog/vault/crypto.h"
#include "matcher/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/** Where sealed objects lie: bytes under the SHA-256 of themselves, never
 *  changed. A store knows nothing of keys, accounts or songs. Each kind of
 *  store fills in `struct store_methods` in a file of its own; what it adds to
 *  the errors named here stands at its open. STATUS_UNAVAILABLE is all that
 *  the world does to a store; STATUS_NO_MEMORY may come from any method.
 *  Thread-safe; an object in hand belongs to one thread. */

enum { STORE_MAX_PIECES = 1024 }; /* preadv(2): IOV_MAX on Linux */

struct store {
    const struct store_methods *methods;
};
/** An object opened for reading. */
struct store_object {
    const struct store_methods *methods;
    uint64_t size_bytes;
};

/** An object in a listing. */
struct store_entry {
    uint8_t name[SHA256_BYTES];
    uint64_t size_bytes;
};
/** What is called for each; anything but STATUS_OK ends the listing and is what
 *  it returns, with `err` as it was set. */
typedef enum status store_visit(void *context, const struct store_entry *entry,
                                struct error *err);

struct store_methods {
    /** Keeps `bytes` as `name`, which is their SHA-256. On STATUS_OK they
     *  survive a power cut. The same object again is fine; if what lies there
     *  is not these bytes, it is replaced.
     *  STATUS_UNAVAILABLE "vault_full" no space, "vault_write" refused; readers
     *  never see a part of an object. */
    enum status (*put)(struct store *store, const uint8_t name[SHA256_BYTES],
                       const void *bytes, size_t length, struct error *err);
    /** STATUS_UNAVAILABLE "chunk_missing", "chunk_unreadable". */
    enum status (*open)(struct store *store, const uint8_t name[SHA256_BYTES],
                        struct store_object **out, struct error *err);
    /** Fills the pieces one after the other with the bytes from `offset` on.
     *  pieces  1..STORE_MAX_PIECES; their contents are used up
     *  STATUS_CORRUPT "chunk_corrupt": the object ends before;
     *  STATUS_UNAVAILABLE "chunk_unreadable". */
    enum status (*read)(struct store_object *object, uint64_t offset,
                        struct iovec *pieces, size_t count, struct error *err);
    void (*object_close)(struct store_object *object);
    /** STATUS_UNAVAILABLE "chunk_unreadable" when it cannot be said. */
    enum status (*has)(struct store *store, const uint8_t name[SHA256_BYTES],
                       bool *out, struct error *err);
    /** The object is gone on STATUS_OK, or was already. A power cut may bring
     *  it back. Who reads it meanwhile reads on or gets "chunk_missing". */
    enum status (*remove)(struct store *store, const uint8_t name[SHA256_BYTES],
                          struct error *err);
    /** Visits every object whose name is above `after` (NULL: all), in order of
     *  name. What else lies in the store is passed over. Objects that come or
     *  go meanwhile may be visited or not; the visit may remove its own. */
    enum status (*list)(struct store *store, const uint8_t *after,
                        store_visit *visit, void *context, struct error *err);
    /** Can an object be written now? STATUS_UNAVAILABLE as put. */
    enum status (*probe)(struct store *store, struct error *err);
    void (*close)(struct store *store);
};

/** A folder of files: FOLDER/ab/abcd…, made when missing (its parent must be
 *  there). Leftovers of writers that died are removed when a day old.
 *  Any number of processes may use one folder at the same time.
 *  STATUS_UNAVAILABLE "vault_write", "vault_full". */
MUST_USE enum status store_folder_open(struct store **out, const char *folder,
                                       struct error *err);

#endif
