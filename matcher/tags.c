/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/tags.h"

#include "matcher/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum field {
    FIELD_NONE,
    FIELD_TITLE,
    FIELD_ARTIST,
    FIELD_ALBUM,
    FIELD_ALBUM_ARTIST,
    FIELD_ISRC,
    FIELD_BARCODE,
    FIELD_DATE,
    FIELD_DISC,
    FIELD_TRACK,
    FIELD_ADVISORY,
};

/* ID3v2 frames (TSRC), TXXX descriptions, Vorbis comments and iTunes atoms, by
 * the names that FFmpeg gives them. "rtng" is the iTunes atom: FFmpeg calls it
 * "rating", which in Vorbis comments means stars, so decode.c translates it. */
static const struct {
    const char *key;
    enum field field;
} keys[] = {
    {"title", FIELD_TITLE},
    {"artist", FIELD_ARTIST},
    {"album", FIELD_ALBUM},
    {"album_artist", FIELD_ALBUM_ARTIST},
    {"albumartist", FIELD_ALBUM_ARTIST},
    {"album artist", FIELD_ALBUM_ARTIST},
    {"isrc", FIELD_ISRC},
    {"tsrc", FIELD_ISRC},
    {"barcode", FIELD_BARCODE},
    {"upc", FIELD_BARCODE},
    {"ean", FIELD_BARCODE},
    {"date", FIELD_DATE},
    {"year", FIELD_DATE},
    {"disc", FIELD_DISC},
    {"discnumber", FIELD_DISC},
    {"track", FIELD_TRACK},
    {"tracknumber", FIELD_TRACK},
    {"itunesadvisory", FIELD_ADVISORY},
    {"rtng", FIELD_ADVISORY},
};

static enum field field_of(const char *key)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcasecmp(key, keys[i].key) == 0) {
            return keys[i].field;
        }
    }
    return FIELD_NONE;
}

static void set_text(char *to, size_t to_size, const char *value)
{
    if (to[0] == '\0') {
        utf8_copy(to, to_size, value, strlen(value));
    }
}

/* "us-abc-12-34567" -> "USABC1234567" (ISO 3901: two letters, three letters
 * or digits, seven digits). */
static void set_isrc(char to[16], const char *value)
{
    enum { ISRC_LENGTH = 12, COUNTRY_LENGTH = 2, DIGITS_FROM = 5 };
    char code[ISRC_LENGTH + 1] = "";
    size_t used = 0;

    for (; *value != '\0'; value++) {
        unsigned char byte = (unsigned char)*value;
        if (byte == '-' || byte == ' ') {
            continue;
        }
        bool right = used < COUNTRY_LENGTH ? isalpha(byte) != 0
                     : used < DIGITS_FROM  ? isalnum(byte) != 0
                                           : isdigit(byte) != 0;
        if (used == ISRC_LENGTH || !right) {
            return;
        }
        code[used++] = (char)toupper(byte);
    }
    if (used == ISRC_LENGTH && to[0] == '\0') {
        memcpy(to, code, sizeof code);
    }
}

/* 8 to 14 digits (EAN-8 to GTIN-14), spaces and dashes between them. */
static void set_barcode(char to[24], const char *value)
{
    enum { SHORTEST = 8, LONGEST = 14 };
    char digits[LONGEST + 1] = "";
    size_t used = 0;

    for (; *value != '\0'; value++) {
        if (*value == '-' || *value == ' ') {
            continue;
        }
        if (used == LONGEST || isdigit((unsigned char)*value) == 0) {
            return;
        }
        digits[used++] = *value;
    }
    if (used >= SHORTEST && to[0] == '\0') {
        memcpy(to, digits, sizeof digits);
    }
}

/* "3" and "3/12" -> 3 */
static void set_number(uint32_t *to, const char *value)
{
    enum { HIGHEST = 9999 };
    char *end = NULL;
    unsigned long number = strtoul(value, &end, 10);

    if (*to == 0 && end != value && number <= HIGHEST) {
        *to = (uint32_t)number;
    }
}

/* iTunes: 1 (and 4, long ago) explicit, 2 clean, 0 nothing said. */
static void set_advisory(enum advisory *to, const char *value)
{
    if (*to != ADVISORY_UNKNOWN) {
        return;
    }
    if (strcmp(value, "1") == 0 || strcmp(value, "4") == 0) {
        *to = ADVISORY_EXPLICIT;
    } else if (strcmp(value, "2") == 0) {
        *to = ADVISORY_CLEAN;
    }
}

void tags_add(struct tags *tags, const char *key, const char *value)
{
    switch (field_of(key)) {
    case FIELD_NONE:
        break;
    case FIELD_TITLE:
        set_text(tags->title, sizeof tags->title, value);
        break;
    case FIELD_ARTIST:
        set_text(tags->artist, sizeof tags->artist, value);
        break;
    case FIELD_ALBUM:
        set_text(tags->album, sizeof tags->album, value);
        break;
    case FIELD_ALBUM_ARTIST:
        set_text(tags->album_artist, sizeof tags->album_artist, value);
        break;
    case FIELD_ISRC:
        set_isrc(tags->isrc, value);
        break;
    case FIELD_BARCODE:
        set_barcode(tags->barcode, value);
        break;
    case FIELD_DATE:
        set_text(tags->date, sizeof tags->date, value);
        break;
    case FIELD_DISC:
        set_number(&tags->disc, value);
        break;
    case FIELD_TRACK:
        set_number(&tags->track, value);
        break;
    case FIELD_ADVISORY:
        set_advisory(&tags->advisory, value);
        break;
    }
}
