/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_ROUTES_DISPOSITION_H
#define REFRAIN_API_ROUTES_DISPOSITION_H

#include "catalog/library/library.h"

/** Names of files in Content-Disposition (RFC 6266), made safe: a name comes
 *  from whoever uploaded the file. Pure. */
enum { DISPOSITION_SIZE = 256 }; /* as a reply's header value */

/** `inline; filename="…"`, or `inline; filename*=UTF-8''…` (RFC 8187) when the
 *  name is not plain ASCII. Slashes, quotes and control characters become "_";
 *  an overlong name loses characters before its extension. */
void disposition_print(char out[DISPOSITION_SIZE], const char *name);

/** The name under which an entry is saved: the uploaded file's own for audio of
 *  the subscriber, "Artist - Title.flac" for a master. */
void disposition_name(char out[FILENAME_SIZE], const struct entry *entry);

#endif
