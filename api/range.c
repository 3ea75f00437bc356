/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Decimal digits at *at (RFC 9110: 1*DIGIT), moved past them. A number beyond
 * 64 bits becomes the largest: every representation is shorter anyhow. */
static bool read_number(const char **at, uint64_t *out)
{
    const char *p = *at;
    uint64_t value = 0;
    while (*p >= '0' && *p <= '9') {
        uint64_t digit = (uint64_t)(*p - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            value = UINT64_MAX;
        } else {
            value = value * 10 + digit;
        }
        p++;
    }
    if (p == *at) {
        return false;
    }
    *at = p;
    *out = value;
    return true;
}

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* "-500": the last 500 bytes (RFC 9110 §14.1.2). */
static struct range suffix_range(const char *at, uint64_t size)
{
    uint64_t length = 0;
    if (!read_number(&at, &length) || *skip_blanks(at) != '\0') {
        return (struct range){.kind = RANGE_WHOLE};
    }
    if (length == 0 || size == 0) {
        return (struct range){.kind = RANGE_UNSATISFIABLE};
    }
    return (struct range){.kind = RANGE_PART,
                          .first = length < size ? size - length : 0,
                          .last = size - 1};
}

struct range range_parse(const char *header, uint64_t size)
{
    static const char unit[] = "bytes=";
    const struct range whole = {.kind = RANGE_WHOLE};
    if (header == NULL || strncasecmp(header, unit, sizeof unit - 1) != 0) {
        return whole;
    }
    const char *at = skip_blanks(header + sizeof unit - 1);
    if (*at == '-') {
        return suffix_range(at + 1, size);
    }
    uint64_t first = 0;
    uint64_t last = UINT64_MAX;
    if (!read_number(&at, &first) || *at != '-') {
        return whole;
    }
    at++;
    bool open_ended = !read_number(&at, &last);
    if (*skip_blanks(at) != '\0' || (!open_ended && last < first)) {
        return whole; /* several ranges, or no range: the whole */
    }
    if (first >= size) {
        return (struct range){.kind = RANGE_UNSATISFIABLE};
    }
    return (struct range){.kind = RANGE_PART,
                          .first = first,
                          .last = last < size ? last : size - 1};
}

bool range_if_range(const char *header, const char *etag)
{
    /* A weak tag starts with W/ and so equals no strong one (§13.1.5). */
    return header == NULL || strcmp(header, etag) == 0;
}

/* The opaque part of an entity tag: what weak comparison looks at (§8.8.3.2).
 */
static const char *opaque(const char *etag)
{
    return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
}

bool range_if_none_match(const char *header, const char *etag)
{
    if (header == NULL) {
        return false;
    }
    const char *at = skip_blanks(header);
    if (*at == '*') {
        return *skip_blanks(at + 1) == '\0';
    }
    const char *ours = opaque(etag);
    size_t length = strlen(ours);
    while (*at != '\0') {
        at = opaque(at);
        if (*at != '"') {
            return false; /* no list of entity tags */
        }
        const char *end = strchr(at + 1, '"');
        if (end == NULL) {
            return false;
        }
        end++;
        if ((size_t)(end - at) == length && memcmp(at, ours, length) == 0) {
            return true;
        }
        at = end + strspn(end, " \t,");
    }
    return false;
}
