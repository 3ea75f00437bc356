/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/address.h"

#include <stdio.h>
#include <string.h>

static enum status bad_address(const char *text, struct error *err)
{
    return error_set(err, STATUS_INVALID, "bad_redis_address",
                     "\"%.200s\" is no address of a Redis: give "
                     "unix:/path/to/socket (at most %d bytes of path) or "
                     "redis://HOST:PORT[/DB] with DB 0..%d, or up to %d nodes "
                     "of a cluster as redis://HOST:PORT,HOST:PORT",
                     text, REDIS_PATH_SIZE - 1, REDIS_DATABASE_MAX,
                     REDIS_SEEDS_MAX);
}

/* Copies text[0..length) when it is not empty and fits. */
static bool take(char *out, size_t size, const char *text, size_t length)
{
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(out, text, length);
    out[length] = '\0';
    return true;
}

/* All decimal digits and at most `maximum`. */
static bool take_number(uint32_t *out, const char *text, size_t length,
                        uint32_t maximum)
{
    uint32_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(text[i] - '0');
        if (value > maximum) {
            return false;
        }
    }
    *out = value;
    return length > 0;
}

/* HOST:PORT in text[0..length). */
static bool parse_node(struct redis_address *out, const char *text,
                       size_t length)
{
    const char *end = text + length;
    const char *host = text;
    const char *host_end = memchr(text, ':', length);
    const char *port = host_end == NULL ? NULL : host_end + 1;
    if (length > 0 && text[0] == '[') {
        host = text + 1;
        host_end = memchr(text, ']', length);
        port = host_end == NULL || host_end + 1 == end || host_end[1] != ':'
                   ? NULL
                   : host_end + 2;
    }
    uint32_t number = 0;
    if (port == NULL || memchr(text, ' ', length) != NULL ||
        !take_number(&number, port, (size_t)(end - port), UINT16_MAX) ||
        number == 0 ||
        !take(out->host, sizeof out->host, host, (size_t)(host_end - host))) {
        return false;
    }
    out->port = (uint16_t)number;
    return true;
}

/* HOST:PORT[,HOST:PORT…][/DB]. */
static bool parse_tcp(struct redis_seeds *out, const char *text)
{
    size_t length = 0;
    for (const char *at = text;; at += length + 1) {
        length = strcspn(at, ",/");
        if (out->count == REDIS_SEEDS_MAX ||
            !parse_node(&out->at[out->count], at, length)) {
            return false;
        }
        out->count++;
        if (at[length] != ',') {
            text = at + length;
            break;
        }
    }
    return text[0] == '\0' ||
           (out->count == 1 &&
            take_number(&out->at[0].database, text + 1, strlen(text + 1),
                        REDIS_DATABASE_MAX));
}

enum status redis_seeds_parse(struct redis_seeds *out, const char *text,
                              struct error *err)
{
    static const char local[] = "unix:/";
    static const char remote[] = "redis://";
    *out = (struct redis_seeds){0};
    bool understood = false;
    if (strncmp(text, local, sizeof local - 1) == 0) {
        const char *path = text + sizeof local - 2; /* from the slash on */
        out->count = 1;
        understood =
            take(out->at[0].path, sizeof out->at[0].path, path, strlen(path));
    } else if (strncmp(text, remote, sizeof remote - 1) == 0) {
        understood = parse_tcp(out, text + sizeof remote - 1);
    }
    return understood ? STATUS_OK : bad_address(text, err);
}

void redis_address_name(char out[REDIS_NAME_SIZE],
                        const struct redis_address *address)
{
    bool is_ipv6 = strchr(address->host, ':') != NULL;
    if (address->path[0] != '\0') {
        (void)snprintf(out, REDIS_NAME_SIZE, "unix:%s", address->path);
    } else {
        (void)snprintf(out, REDIS_NAME_SIZE,
                       is_ipv6 ? "redis://[%s]:%u" : "redis://%s:%u",
                       address->host, (unsigned)address->port);
    }
}

bool redis_address_equal(const struct redis_address *a,
                         const struct redis_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0 &&
           strcmp(a->path, b->path) == 0;
}
