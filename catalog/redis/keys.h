/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_REDIS_KEYS_H
#define REFRAIN_CATALOG_REDIS_KEYS_H

#include "matcher/status.h"

#include <stddef.h>
#include <stdint.h>

/** Every key name that Refrain uses in Redis is made here, and listed with an
 *  example in catalog/FORMAT.md. All keys of one account share the hash tag
 *  {a:ID}, so that one script can change them together in a cluster; catalog
 *  keys carry none and spread over all slots. */

enum { KEY_SIZE = 192 };
struct key {
    char text[KEY_SIZE];
};

/** What is kept of one account; `item` where the name needs one, else "". */
enum account_key {
    KEY_ACCOUNT,    /* hash: the account itself */
    KEY_DEVICES,    /* hash: device id -> record */
    KEY_TOKENS,     /* hash: SHA-256 of token -> device, kind, expiry */
    KEY_TRACK,      /* hash: one library entry; item = track id */
    KEY_TRACKS,     /* zset: track id by the version that added it */
    KEY_TRASH,      /* zset: removed track id by time of removal, ms */
    KEY_MANIFEST,   /* string: sealed manifest; item = track id */
    KEY_PRINT,      /* string: packed fingerprint; item = track id */
    KEY_CHANGES,    /* stream: library changes, id = version-0 */
    KEY_RECORDINGS, /* hash: recording id -> track id */
    KEY_CONTENTS,   /* hash: content id -> track id */
    KEY_UNMATCHED,  /* zset: track id by arrivals that it was asked about */
    KEY_ASKING,     /* string: attempts to ask a track again; item = track id */
    KEY_DENIED,     /* hash: recording id -> track id that it is not */
    KEY_UPLOAD,     /* hash: one upload; item = upload id */
    KEY_IDEMPOTENCY, /* string: upload id; item = hash of the client's key */
};
/** account_id and item are ids ([A-Za-z0-9_-], at most 64): asserted. */
struct key key_of_account(enum account_key kind, const char *account_id,
                          const char *item);

struct key key_email(const char *email_hash);       /* string: account id */
struct key key_recording(const char *recording_id); /* hash */
struct key key_recording_number(uint32_t number);   /* string: recording id */
struct key key_reference(uint32_t number);          /* string: packed print */
struct key key_release(const char *release_id);     /* hash */
struct key key_releases(void); /* zset: release id by load time */
struct key key_numbers(void);  /* string: last recording number */
struct key key_arrivals(void); /* list: numbers as they were indexed */
struct key key_accounts(void); /* set: ids of all accounts */
struct key key_unmatched_accounts(void); /* set: account ids */
struct key key_rescan_lease(void);       /* string: who asks the unmatched */
/** The index: string, one version of a segment. */
struct key key_index_segment(uint32_t segment, uint32_t version);
struct key key_index_versions(void);  /* zset: segment by newest version */
struct key key_index_log(void);       /* stream: filed and removed */
struct key key_index_lease(void);     /* string: who merges */
struct key key_index_restoring(void); /* string: there while it is rebuilt */
struct key key_jobs(void);            /* stream: songs to be worked on */
struct key key_audit(void);           /* stream: operator calls */

/** What those who look after the vault keep of a region's objects, in one slot;
 *  names of objects are 64 hex digits. */
enum upkeep_key {
    KEY_PINS,      /* zset: name -> until when a writer relies on it, ms */
    KEY_CONDEMNED, /* hash: name -> since when nobody has owned it, ms */
    KEY_DELETING,  /* hash: name -> when its removal began, ms */
    KEY_COLLECTOR, /* string: who collects; expires */
    KEY_COLLECTED, /* string: when the last run ended, ms */
    KEY_READ,      /* string: name of the object that was read last */
};
/** region is an id: asserted. */
struct key key_of_upkeep(enum upkeep_key kind, const char *region);
/** Publish channel: "ACCOUNT_ID" whenever something of it changed. */
const char *key_changed_channel(void);

#endif
