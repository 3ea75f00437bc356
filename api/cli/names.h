/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_API_CLI_NAMES_H
#define REFRAIN_API_CLI_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/** What a file's name says about it. Pure. Only names are looked at: what a
 *  file is by its contents, the service finds out. */

/** "song.MP3", "live.flac": one of the endings that audio files carry.
 *  path  may have folders before the name. "._song.mp3", where macOS keeps
 *        its notes about song.mp3, is not named like audio. */
bool name_is_audio(const char *path);
/** "cover.jpg", "cover.jpeg", "cover.png", in any case: a release's cover. */
bool name_is_cover(const char *path);
/** Starts with a dot. */
bool name_is_hidden(const char *path);
/** What follows the last '/'. Borrowed from `path`. */
const char *name_base(const char *path);

/** Makes a file name out of a foreign text: no folder, no control character,
 *  no leading dot, at most 200 bytes. "" when nothing is left.
 *  out_size  at least 1 */
void name_make_safe(char *out, size_t out_size, const char *text);

#endif
