/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_SKETCHES_H
#define REFRAIN_CATALOG_RELEASES_SKETCHES_H

#include "catalog/releases/releases.h"
#include "matcher/decoder/pool.h"

/** The masters' sketches (matcher/sketch.h): DIR/masters/ab/abcd….sketch beside
 *  abcd….flac. There whole and durable, or not at all; made before the
 *  recording enters Redis, so that what can be found can be compared.
 *
 *  A sketch can be drawn again from its master at any time, so one that is
 * lost, damaged or of another version is no loss. It is a secret of the
 * catalog: it is read here and handed to the matcher, and to nobody else.
 * Thread-safe. */

/** Appends the stored form of the sketch of what `decoder` has open.
 *  STATUS_INVALID: the file cannot be drawn, its own fault; others are the
 *  decoder's. */
MUST_USE enum status sketches_draw(struct buffer *out, struct decoder *decoder,
                                   struct error *err);
/** Puts a stored form beside the master of this name (struct recording), in
 *  place of what is there.
 *  STATUS_UNAVAILABLE "masters_full", "masters_write". */
MUST_USE enum status sketches_store(const char *folder, const char *master_name,
                                    const struct buffer *bytes,
                                    struct error *err);
/** out  the caller's on STATUS_OK: sketch_clear() it.
 *  STATUS_NOT_FOUND "no_sketch": there is none, or it cannot be read;
 *  STATUS_CORRUPT: damaged, or of another version. Both: draw it again. */
MUST_USE enum status sketches_read(struct sketch *out, const char *folder,
                                   const char *master_name, struct error *err);

#endif
