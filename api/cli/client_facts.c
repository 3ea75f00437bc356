/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/client_facts.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Digits only, as RFC 9110 §8.6 has them: no sign, no space. */
static bool read_number(const char **at, uint64_t *out)
{
    char *end = NULL;

    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    errno = 0;
    *out = strtoull(*at, &end, 10);
    *at = end;
    return errno == 0;
}

/* "bytes 100-199/1000": RFC 9110 §14.4. */
static void read_range(struct client_facts *facts, const char *value)
{
    uint64_t first = 0;
    uint64_t last = 0;
    uint64_t size = 0;

    if (strncasecmp(value, "bytes ", 6) != 0) {
        return;
    }
    value += 6;
    if (read_number(&value, &first) && *value++ == '-' &&
        read_number(&value, &last) && *value++ == '/' &&
        read_number(&value, &size) && *value == '\0' && first <= last &&
        last < size) {
        facts->first_byte = first;
        facts->size_bytes = size;
        facts->partial = true;
    }
}

/* attachment; filename="a.mp3": RFC 6266 §4.1. Escapes lose their backslash. */
static void read_quoted_name(struct client_facts *facts, const char *name)
{
    size_t length = 0;

    for (; *name != '\0' && *name != '"'; name++) {
        if (*name == '\\' && name[1] != '\0') {
            name++;
        }
        if (length + 1 < sizeof(facts->file_name)) {
            facts->file_name[length++] = *name;
        }
    }
    facts->file_name[length] = '\0';
}

static int hex_digit(char digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, tolower((unsigned char)digit));

    return digit != '\0' && at != NULL ? (int)(at - digits) : -1;
}

/* filename*=UTF-8''a%20b.mp3: RFC 8187 §3.2. */
static void read_encoded_name(struct client_facts *facts, const char *name)
{
    size_t length = 0;

    for (; *name != '\0' && *name != ';' && *name != ' '; name++) {
        char byte = *name;

        if (byte == '%') {
            const int high = hex_digit(name[1]);
            const int low = high < 0 ? -1 : hex_digit(name[2]);

            if (low < 0 || high + low == 0) {
                facts->file_name[0] = '\0';
                return;
            }
            byte = (char)(high * 16 + low);
            name += 2;
        }
        if (length + 1 < sizeof(facts->file_name)) {
            facts->file_name[length++] = byte;
        }
    }
    facts->file_name[length] = '\0';
}

/* Of both forms the encoded one counts: RFC 6266 §4.3. */
static void read_disposition(struct client_facts *facts, const char *value)
{
    static const char encoded_start[] = "filename*=UTF-8''";
    static const char quoted_start[] = "filename=\"";
    const char *encoded = strcasestr(value, encoded_start);
    const char *quoted = strcasestr(value, quoted_start);

    if (encoded != NULL) {
        read_encoded_name(facts, encoded + strlen(encoded_start));
    } else if (quoted != NULL) {
        read_quoted_name(facts, quoted + strlen(quoted_start));
    }
}

/* Content-Range, which tells the whole size, outdoes Content-Length. */
static void read_length(struct client_facts *facts, const char *value)
{
    uint64_t size = 0;

    if (!facts->partial && read_number(&value, &size) && *value == '\0') {
        facts->size_bytes = size;
    }
}

static void copy(char *out, size_t size, const char *value)
{
    if (strlen(value) < size) { /* half an ETag is none */
        snprintf(out, size, "%s", value);
    }
}

static bool is_named(const char *line, size_t length, const char *name)
{
    return length == strlen(name) && strncasecmp(line, name, length) == 0;
}

void client_facts_read(struct client_facts *facts, const char *line)
{
    const char *colon = strchr(line, ':');

    if (colon == NULL) {
        return;
    }
    const size_t length = (size_t)(colon - line);
    const char *value = colon + 1 + strspn(colon + 1, " \t");

    if (is_named(line, length, "ETag")) {
        copy(facts->etag, sizeof(facts->etag), value);
    } else if (is_named(line, length, "Content-Type")) {
        copy(facts->content_type, sizeof(facts->content_type), value);
    } else if (is_named(line, length, "Content-Range")) {
        read_range(facts, value);
    } else if (is_named(line, length, "Content-Length")) {
        read_length(facts, value);
    } else if (is_named(line, length, "Content-Disposition")) {
        read_disposition(facts, value);
    }
}
