/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static enum status bad_address(const char *text, struct error *err)
{
    return error_set(err, STATUS_INVALID, "bad_redis_address",
                     "\"%.200s\" is no address of a Redis: give "
                     "unix:/path/to/socket (at most %d bytes of path) or "
                     "redis://HOST:PORT[/DB] with DB 0..%d",
                     text, REDIS_PATH_SIZE - 1, REDIS_DATABASE_MAX);
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

static bool parse_tcp(struct redis_address *out, const char *text)
{
    const char *host = text;
    const char *host_end = strchr(text, ':');
    const char *port = host_end == NULL ? NULL : host_end + 1;
    if (text[0] == '[') {
        host = text + 1;
        host_end = strchr(text, ']');
        port = host_end == NULL || host_end[1] != ':' ? NULL : host_end + 2;
    }
    if (port == NULL) {
        return false;
    }
    size_t port_length = strcspn(port, "/");
    uint32_t number = 0;
    if (!take_number(&number, port, port_length, UINT16_MAX) || number == 0 ||
        !take(out->host, sizeof out->host, host, (size_t)(host_end - host))) {
        return false;
    }
    out->port = (uint16_t)number;
    const char *database = port + port_length;
    return database[0] == '\0' ||
           take_number(&out->database, database + 1, strlen(database + 1),
                       REDIS_DATABASE_MAX);
}

enum status redis_address_parse(struct redis_address *out, const char *text,
                                struct error *err)
{
    static const char local[] = "unix:/";
    static const char remote[] = "redis://";
    *out = (struct redis_address){0};
    if (strncmp(text, local, sizeof local - 1) == 0) {
        const char *path = text + sizeof local - 2; /* from the slash on */
        return take(out->path, sizeof out->path, path, strlen(path))
                   ? STATUS_OK
                   : bad_address(text, err);
    }
    if (strncmp(text, remote, sizeof remote - 1) == 0) {
        return parse_tcp(out, text + sizeof remote - 1)
                   ? STATUS_OK
                   : bad_address(text, err);
    }
    return bad_address(text, err);
}
