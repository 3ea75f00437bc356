/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/names.h"

#include "matcher/utf8.h"

#include <string.h>
#include <strings.h>

/* Below the 255 bytes of a Linux file name, with room for our suffixes. */
enum { SAFE_NAME_BYTES = 200 };

static const char *const audio_endings[] = {
    "3gp", "aac", "ac3", "aif", "aifc", "aiff", "alac", "amr", "ape", "au",
    "caf", "dff", "dsf", "dts", "flac", "m4a",  "m4b",  "m4p", "m4r", "mka",
    "mp+", "mp1", "mp2", "mp3", "mp4",  "mpc",  "mpga", "oga", "ogg", "opus",
    "snd", "spx", "tak", "tta", "wav",  "wave", "weba", "wma", "wv",  "webm",
};

const char *name_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

bool name_is_hidden(const char *path)
{
    return name_base(path)[0] == '.';
}

bool name_is_audio(const char *path)
{
    const char *name = name_base(path);
    const char *dot = strrchr(name, '.');

    if (dot == NULL || strncmp(name, "._", 2) == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(audio_endings) / sizeof(audio_endings[0]);
         i++) {
        if (strcasecmp(dot + 1, audio_endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool name_is_cover(const char *path)
{
    const char *name = name_base(path);

    return strcasecmp(name, "cover.jpg") == 0 ||
           strcasecmp(name, "cover.jpeg") == 0 ||
           strcasecmp(name, "cover.png") == 0;
}

void name_make_safe(char *out, size_t out_size, const char *text)
{
    char clean[SAFE_NAME_BYTES + 1];
    size_t start;

    utf8_copy(clean, sizeof(clean), text, strlen(text));
    for (char *at = clean; *at != '\0'; at++) {
        if (*at == '/' || *at == '\\') {
            *at = '_';
        }
    }
    start = strspn(clean, ". ");
    utf8_copy(out, out_size, clean + start, strlen(clean + start));
}
