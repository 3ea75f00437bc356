/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_CATALOG_RELEASES_NAMES_H
#define REFRAIN_CATALOG_RELEASES_NAMES_H

#include "matcher/audio.h"

#include <stdbool.h>
#include <stdint.h>

/** What the names of files and folders tell where tags are missing. Pure. A
 *  name that fits no custom is a title whole: no word is lost. */

/** "" and 0 where the name says nothing; the title is never "". */
struct file_name {
    uint32_t disc;
    uint32_t track;
    char artist[TAG_SIZE];
    char album[TAG_SIZE];
    char title[TAG_SIZE];
};
/** Understands, without the extension:
 *    "03 - Title" "03. Title" "03-Title" "03 Title" (leading zero) "1-03 Title"
 *    "Artist - Title" "03 - Artist - Title" "Artist - Album - 03 - Title"
 *  and underscores for blanks. */
void names_of_file(struct file_name *out, const char *name);

struct folder_name {
    uint32_t disc;
    char artist[TAG_SIZE];
    char album[TAG_SIZE];
    char date[8];
};
/** Understands "Album", "Artist - Album", "Artist - 2003 - Album",
 *  "Artist - Album (2003)", "2003 - Album", "… [FLAC]", "… CD 2". Of a path the
 *  last part counts. */
void names_of_folder(struct folder_name *out, const char *path);

/** What a file's name says of its contents. */
enum file_kind {
    FILE_AUDIO,   /* named as audio */
    FILE_COVER,   /* cover.jpg, cover.jpeg, cover.png */
    FILE_OTHER,   /* named as something that is no audio, or hidden */
    FILE_UNKNOWN, /* its contents must tell */
};
enum file_kind names_kind(const char *name);

#endif
