/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/names.h"

#include "matcher/utf8.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* More parts than any custom has; the rest stays in the last one. */
enum { PARTS_MAX = 8, EXTENSION_MAX = 5, YEAR_DIGITS = 4 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t digits_at(const char *text)
{
    size_t count = 0;
    while (is_digit(text[count])) {
        count++;
    }
    return count;
}

/* text[0..count) are digits, few enough for 32 bits. */
static uint32_t value_of(const char *text, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    return value;
}

static bool is_year(const char *text)
{
    return digits_at(text) == YEAR_DIGITS && text[YEAR_DIGITS] == '\0' &&
           (text[0] == '1' || text[0] == '2');
}

static void trim(char *text)
{
    size_t start = strspn(text, " ");
    size_t length = strlen(text + start);
    memmove(text, text + start, length + 1);
    while (length > 0 && text[length - 1] == ' ') {
        text[--length] = '\0';
    }
}

static void copy(char *out, const char *text)
{
    (void)snprintf(out, TAG_SIZE, "%s", text);
}

/* Name as clean text; underscores are blanks where there are no others. */
static void clean(char out[TAG_SIZE], const char *name, size_t length)
{
    utf8_copy(out, TAG_SIZE, name, length);
    if (strchr(out, ' ') == NULL) {
        for (char *at = strchr(out, '_'); at != NULL; at = strchr(at, '_')) {
            *at = ' ';
        }
    }
    trim(out);
}

static const char *extension_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    size_t length = dot == NULL ? 0 : strlen(dot + 1);
    bool is_one = dot != name && length >= 1 && length <= EXTENSION_MAX &&
                  strcspn(dot, " ") == length + 1;
    return is_one ? dot + 1 : "";
}

/* Cuts `text` at every " - " into at most PARTS_MAX trimmed parts. */
static size_t split(char *text, char *parts[PARTS_MAX])
{
    size_t count = 0;
    char *rest = text;
    while (count < PARTS_MAX - 1) {
        char *dash = strstr(rest, " - ");
        if (dash == NULL) {
            break;
        }
        *dash = '\0';
        parts[count++] = rest;
        rest = dash + 3;
    }
    parts[count++] = rest;
    for (size_t i = 0; i < count; i++) {
        trim(parts[i]);
    }
    return count;
}

static void join(char out[TAG_SIZE], char *const *parts, size_t count)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < TAG_SIZE; i++) {
        int added = snprintf(out + used, TAG_SIZE - used, "%s%s",
                             i == 0 ? "" : " - ", parts[i]);
        used += added < 0 ? 0 : (size_t)added;
    }
}

/* Does a separator follow a number, so that it counts something? A bare blank
 * is one only behind a leading zero: "03 Title", but "99 Luftballons". Without
 * blanks around it, "-" or "." must not stand between digits: "24-7", "1.5". */
static size_t separator_at(const char *number, size_t digits)
{
    const char *at = number + digits;
    size_t blanks = strspn(at, " ");
    at += blanks;
    if (at[0] == '-' || at[0] == '.' || at[0] == ')') {
        size_t behind = strspn(at + 1, " ");
        bool counts = blanks > 0 || behind > 0 ||
                      (digits >= 2 && !is_digit(at[1])) || at[0] == ')';
        return counts ? digits + blanks + 1 + behind : 0;
    }
    return blanks > 0 && number[0] == '0' ? digits + blanks : 0;
}

/* Takes a leading track number, maybe with its disc, off `text`; returns what
 * is left. A number that is all there is stays as the title, too. */
static const char *take_number(struct file_name *out, const char *text)
{
    size_t digits = digits_at(text);
    if (digits < 1 || digits > 3) {
        return text;
    }
    if (text[digits] == '\0') {
        out->track = value_of(text, digits);
        return text;
    }
    const char *second = text + digits + 1;
    if (digits == 1 && text[1] == '-' && digits_at(second) == 2 &&
        (separator_at(second, 2) > 0 || second[2] == ' ')) {
        size_t skip = separator_at(second, 2);
        out->disc = value_of(text, 1);
        out->track = value_of(second, 2);
        return second + (skip > 0 ? skip : 3);
    }
    size_t skip = separator_at(text, digits);
    if (skip == 0 || text[skip] == '\0') {
        return text;
    }
    out->track = value_of(text, digits);
    return text + skip;
}

/* The part that is a track number with parts on both sides, or 0. */
static size_t number_part(char *const *parts, size_t count)
{
    for (size_t i = 1; i + 1 < count; i++) {
        size_t digits = digits_at(parts[i]);
        if (digits >= 1 && digits <= 3 && parts[i][digits] == '\0') {
            return i;
        }
    }
    return 0;
}

void names_of_file(struct file_name *out, const char *name)
{
    *out = (struct file_name){0};
    size_t extension = strlen(extension_of(name));
    size_t stem = strlen(name) - (extension == 0 ? 0 : extension + 1);
    char whole[TAG_SIZE];
    clean(whole, name, stem);
    char rest[TAG_SIZE];
    copy(rest, take_number(out, whole));

    char *parts[PARTS_MAX];
    size_t count = split(rest, parts);
    size_t number = out->track == 0 ? number_part(parts, count) : 0;
    if (number > 0) {
        out->track = value_of(parts[number], digits_at(parts[number]));
        copy(out->artist, parts[0]);
        join(out->album, parts + 1, number - 1);
        join(out->title, parts + number + 1, count - number - 1);
    } else if (count >= 2 && parts[0][0] != '\0') {
        copy(out->artist, parts[0]);
        join(out->title, parts + 1, count - 1);
    } else {
        join(out->title, parts, count);
    }
    if (out->title[0] == '\0') {
        copy(out->title, whole[0] == '\0' ? "Untitled" : whole);
    }
}

/* ---- folders ---- */

/* Takes "[FLAC]" and "(2003)" off the end. */
static void take_brackets(struct folder_name *out, char *text)
{
    size_t length = strlen(text);
    while (length > 2 && (text[length - 1] == ']' || text[length - 1] == ')')) {
        bool square = text[length - 1] == ']';
        char *open = strrchr(text, square ? '[' : '(');
        if (open == NULL || open == text) {
            return;
        }
        text[length - 1] = '\0';
        bool year = is_year(open + 1);
        if (year) {
            (void)snprintf(out->date, sizeof out->date, "%.4s", open + 1);
        } else if (!square) {
            text[length - 1] = ')'; /* part of the title: "(Live)" */
            return;
        }
        *open = '\0';
        trim(text);
        length = strlen(text);
    }
}

/* Takes "CD 2", "Disc 2", "Disk2" off the end, when something is left. */
static void take_disc(struct folder_name *out, char *text)
{
    static const char *const words[] = {"cd", "disc", "disk"};
    size_t end = strlen(text);
    size_t digits = 0;
    while (digits < end && is_digit(text[end - digits - 1])) {
        digits++;
    }
    if (digits < 1 || digits > 2) {
        return;
    }
    size_t at = end - digits;
    while (at > 0 && text[at - 1] == ' ') {
        at--;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if (at > length + 1 && text[at - length - 1] == ' ' &&
            strncasecmp(text + at - length, words[i], length) == 0) {
            out->disc = value_of(text + end - digits, digits);
            text[at - length - 1] = '\0';
            text[at - length - 1 - (size_t)(text[at - length - 2] == ',')] =
                '\0';
            trim(text);
            return;
        }
    }
}

/* Moves a part that is a year into the date; returns how many are left. */
static size_t take_year(struct folder_name *out, char **parts, size_t count)
{
    for (size_t i = 0; i < 2 && i + 1 < count; i++) {
        if (is_year(parts[i])) {
            (void)snprintf(out->date, sizeof out->date, "%s", parts[i]);
            memmove(parts + i, parts + i + 1, (count - i - 1) * sizeof *parts);
            return count - 1;
        }
    }
    return count;
}

void names_of_folder(struct folder_name *out, const char *path)
{
    *out = (struct folder_name){0};
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    char whole[TAG_SIZE];
    char rest[TAG_SIZE];
    clean(whole, path + start, end - start);
    copy(rest, whole);
    take_brackets(out, rest);
    take_disc(out, rest);
    take_brackets(out, rest);
    char *parts[PARTS_MAX];
    size_t count = take_year(out, parts, split(rest, parts));
    if (count >= 2 && parts[0][0] != '\0') {
        copy(out->artist, parts[0]);
        join(out->album, parts + 1, count - 1);
    } else {
        join(out->album, parts, count);
    }
    if (out->album[0] == '\0') {
        copy(out->album, whole);
    }
}

/* ---- kinds ---- */

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}
#define IS_ONE_OF(word, list)                                                  \
    is_one_of(word, list, sizeof(list) / sizeof(list)[0])

enum file_kind names_kind(const char *name)
{
    static const char *const audio[] = {"mp3",  "aac", "m4a",  "m4b",  "mp4",
                                        "flac", "ogg", "oga",  "opus", "wav",
                                        "wave", "aif", "aiff", "aifc"};
    static const char *const covers[] = {"cover.jpg", "cover.jpeg",
                                         "cover.png"};
    static const char *const other[] = {
        "txt",  "nfo", "m3u", "m3u8", "pls", "cue", "log",  "jpg",
        "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff", "pdf",
        "html", "htm", "url", "ini",  "db",  "sfv", "md5",  "sha1",
        "json", "xml", "csv", "md",   "rtf", "doc", "docx", "accurip"};
    if (IS_ONE_OF(name, covers)) {
        return FILE_COVER;
    }
    const char *extension = extension_of(name);
    if (name[0] == '.' || IS_ONE_OF(extension, other)) {
        return FILE_OTHER;
    }
    return IS_ONE_OF(extension, audio) ? FILE_AUDIO : FILE_UNKNOWN;
}
