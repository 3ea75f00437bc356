/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_LIBRARY_ENTRY_RECORD_H
#define REFRAIN_CATALOG_LIBRARY_ENTRY_RECORD_H

#include "catalog/library/record.h"
#include "catalog/library/uploads.h"

/** Entries, uploads and evidence as stored hashes: every field by name, listed
 *  in catalog/FORMAT.md. Pure. Rates and scores are stored in millionths, as
 *  whole numbers: text with a decimal point would depend on the locale, and
 *  no threshold is finer. */

/** Room for the list of differences, "START-END,START-END": two numbers of 10
 *  digits, "-" and "," each. The record borrows it. */
struct evidence_text {
    char differences[VERDICT_MAX_DIFFERENCES * 22 + 1];
};

/** Adds all fields of an entry but those of which others are sure: id (in the
 *  key's name) and version (the script's). */
void entry_record_write(struct record *record, const struct entry *entry,
                        struct evidence_text *text);
/** Of these, what belongs to the sound that is streamed: status, reason, ISRC,
 *  advisory, duration, container, size, recording and evidence. */
void sound_record_write(struct record *record, const struct entry *entry,
                        struct evidence_text *text);
void entry_record_read(struct entry *out, const char *track_id,
                       const struct record *record);

void evidence_record_write(struct record *record,
                           const struct evidence *evidence,
                           struct evidence_text *text);
void evidence_record_read(struct evidence *out, const struct record *record);

/** A new upload's: filename, size and time, waiting. */
void upload_record_write(struct record *record, const struct upload *upload);
void upload_record_read(struct upload *out, const char *account_id,
                        const char *upload_id, const struct record *record);
/** The word stored for a status. */
const char *upload_status_word(enum upload_status status);

#endif
