/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_LOAD_ITEM_H
#define REFRAIN_CATALOG_RELEASES_LOAD_ITEM_H

#include "catalog/releases/loader.h"
#include "catalog/releases/names.h"
#include "catalog/vault/crypto.h"
#include "matcher/terms.h"

#include <limits.h>

/** One file of a folder on its way into the catalog: first looked at, then,
 *  when the whole release is planned, kept. Items share nothing, so that each
 *  step runs on many of them at once. */

enum item_use { ITEM_NONE, ITEM_AUDIO, ITEM_COVER };

struct load_item {
    char name[NAME_MAX + 1]; /* as on disk */
    struct load_file report; /* the name is set from the start */
    enum item_use use;
    uint8_t sha256[SHA256_BYTES];
    /* ITEM_AUDIO: id, master and facts are set by looking; titles and release
     * by the plan; ITEM_COVER: master_name alone */
    struct recording recording;
    struct tags tags;    /* as the file has them */
    bool known;          /* was in the catalog, whole, when it was looked at */
    bool is_repeat;      /* an earlier item has the same bytes */
    struct buffer print; /* owned, packed; empty when known */
    struct terms terms;  /* owned; empty when known */
    /* Owned, stored form; empty when the catalog has it. 36 kB a minute: what
     * fits into a release of 8 GiB at 320 kbit/s comes to 130 MB. */
    struct buffer sketch;
    enum status outcome;  /* of the last step: see load_run() */
    struct error failure; /* when that was not STATUS_OK */
};

struct load {
    const struct loader *loader;
    int folder_fd;
    struct load_item *items; /* owned, in order of their names */
    size_t count;
};

/** What is done with one item; `redis` is the working thread's. A status other
 *  than STATUS_OK ends the load: a file that is of no use is no such thing. */
typedef enum status (*load_step)(const struct load *load,
                                 struct load_item *item, struct redis *redis,
                                 struct error *err);

/** Is it audio? Has the catalog heard it already, and its sketch? Else decodes
 *  it. Changes nothing that lasts. */
enum status load_item_look(const struct load *load, struct load_item *item,
                           struct redis *redis, struct error *err);
/** Copies the master, then the sketch, then stores the recording. */
enum status load_item_keep(const struct load *load, struct load_item *item,
                           struct redis *redis, struct error *err);
void load_item_clear(struct load_item *item);

/** Lists the folder behind load->folder_fd into load->items.
 *  STATUS_INVALID "bad_folder", STATUS_LIMIT "too_many_files". */
MUST_USE enum status load_scan(struct load *load, struct error *err);
/** Does `step` for all items on the loader's threads and this one; after a
 *  failure no further item is begun. The first failure in order of names. */
MUST_USE enum status load_run(const struct load *load, load_step step,
                              struct error *err);

#endif
