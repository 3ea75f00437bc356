/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_FIELDS_H
#define REFRAIN_CATALOG_RELEASES_FIELDS_H

/** Names of the hash fields of recordings and releases, shared by those who
 *  read (releases.c) and those who write (writer.c). catalog/FORMAT.md lists
 *  them with their meaning. */

#define RECORD_VERSION "1"

#define FIELD_VERSION "v"
#define FIELD_TITLE "title"
#define FIELD_ARTIST "artist"

/* recordings */
#define FIELD_NUMBER "number"
#define FIELD_ISRC "isrc"
#define FIELD_ADVISORY "advisory"
#define FIELD_DURATION "duration_ms"
#define FIELD_RELEASE_ID "release_id"
#define FIELD_RELEASE_TITLE "release_title"
#define FIELD_SHA256 "sha256"
#define FIELD_MASTER "master"
#define FIELD_CONTAINER "container"
#define FIELD_SIZE "size"
#define FIELD_INDEXED "indexed"
#define FIELD_TAG_TITLE "tag_title"
#define FIELD_TAG_ARTIST "tag_artist"
#define FIELD_TAG_ALBUM "tag_album"
#define FIELD_TAG_ALBUM_ARTIST "tag_album_artist"
#define FIELD_TAG_BARCODE "tag_barcode"
#define FIELD_TAG_DATE "tag_date"
#define FIELD_TAG_DISC "tag_disc"
#define FIELD_TAG_TRACK "tag_track"

/* releases */
#define FIELD_BARCODE "barcode"
#define FIELD_DATE "date"
#define FIELD_COVER "cover"
#define FIELD_LOADED "loaded_ms"
#define FIELD_TRACK_COUNT "track_count"
#define FIELD_TRACKS "tracks"

#endif
