/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/disposition.h"

#include "api/routes/track_json.h"
#include "matcher/utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What fits behind the longer prefix, with the NUL. */
enum {
    VALUE_MAX = DISPOSITION_SIZE - (int)sizeof "inline; filename*=UTF-8''",
    EXTENSION_MAX = 8, /* ".flac", ".tar.gz": longer is no extension */
};

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\' && c != '/' &&
           c != '%';
}

/* attr-char of RFC 8187 §3.2.1 */
static bool is_attribute(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || (c != '\0' && strchr("!#$&+-.^_`|~", c));
}

static bool is_unsafe(char c)
{
    return (unsigned char)c < ' ' || c == 127 || c == '"' || c == '\\' ||
           c == '/';
}

/* Bytes that `length` bytes of text take in the header; a whole multiple of a
 * character's, since UTF-8 is cut at character borders only. */
static size_t encoded_length(const char *text, size_t length)
{
    size_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += is_attribute(text[i]) ? 1 : 3;
    }
    return sum;
}

/* Takes characters off the end of the stem until all fits. */
static void cut_name(char *name)
{
    size_t length = strlen(name);
    const char *dot = strrchr(name, '.');
    size_t stem = dot == NULL || dot == name ? length : (size_t)(dot - name);
    if (length - stem > EXTENSION_MAX) {
        stem = length;
    }
    size_t extension = length - stem;
    char *end = name + stem;
    size_t room = VALUE_MAX - encoded_length(end, extension);
    size_t kept = stem;
    while (kept > 0 && encoded_length(name, kept) > room) {
        do {
            kept--;
        } while (kept > 0 && ((unsigned char)name[kept] & 0xc0) == 0x80);
    }
    memmove(name + kept, end, extension + 1);
}

static void print_encoded(char *out, const char *name)
{
    static const char hex[] = "0123456789ABCDEF";
    for (const char *at = name; *at != '\0'; at++) {
        if (is_attribute(*at)) {
            *out++ = *at;
        } else {
            *out++ = '%';
            *out++ = hex[(unsigned char)*at >> 4];
            *out++ = hex[(unsigned char)*at & 0x0f];
        }
    }
    *out = '\0';
}

void disposition_print(char out[DISPOSITION_SIZE], const char *name)
{
    char clean[FILENAME_SIZE];
    char value[VALUE_MAX + 1];
    bool plain = true;
    utf8_copy(clean, sizeof clean, name, strlen(name));
    for (char *at = clean; *at != '\0'; at++) {
        if (is_unsafe(*at)) {
            *at = '_';
        }
        plain = plain && is_plain(*at);
    }
    cut_name(clean);
    if (clean[0] == '\0') {
        snprintf(out, DISPOSITION_SIZE, "inline");
    } else if (plain) {
        snprintf(out, DISPOSITION_SIZE, "inline; filename=\"%.*s\"", VALUE_MAX,
                 clean);
    } else {
        assert(encoded_length(clean, strlen(clean)) < sizeof value);
        print_encoded(value, clean);
        snprintf(out, DISPOSITION_SIZE, "inline; filename*=UTF-8''%s", value);
    }
}

void disposition_name(char out[FILENAME_SIZE], const struct entry *entry)
{
    const char *extension = container_extension(entry->container);
    if (entry->status == ENTRY_UPLOADED && entry->filename[0] != '\0') {
        snprintf(out, FILENAME_SIZE, "%s", entry->filename);
        return;
    }
    /* Cut so that the extension stays; disposition_print() repairs a character
     * that this halves. */
    snprintf(out, FILENAME_SIZE, "%.120s%s%.120s%s", entry->artist,
             entry->artist[0] == '\0' ? "" : " - ", entry->title, extension);
}
