/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/redis/redirect.h"

#include "catalog/redis/slots.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Reads the digits up to `end`; false unless they are a number to `maximum`. */
static bool take_number(uint16_t *out, const char *text, const char *end,
                        unsigned maximum)
{
    unsigned value = 0;
    if (text == end) {
        return false;
    }
    for (; text < end; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (unsigned)(*text - '0');
        if (value > maximum) {
            return false;
        }
    }
    *out = (uint16_t)value;
    return true;
}

/* "SLOT HOST:PORT"; an IPv6 HOST has colons of its own. */
static bool take_place(struct redirect *out, const char *text)
{
    const char *host = strchr(text, ' ');
    const char *port = strrchr(text, ':');
    if (host == NULL || port == NULL || port < host ||
        !take_number(&out->slot, text, host, REDIS_SLOT_COUNT - 1) ||
        !take_number(&out->port, port + 1, port + strlen(port), UINT16_MAX)) {
        return false;
    }
    size_t length = (size_t)(port - host - 1);
    if (length >= sizeof out->host || out->port == 0) {
        return false;
    }
    memcpy(out->host, host + 1, length);
    out->host[length] = '\0';
    return true;
}

void redirect_read(struct redirect *out, const char *reply)
{
    static const struct {
        const char *prefix;
        enum redirect_kind kind;
    } kinds[] = {
        {"MOVED ", REDIRECT_MOVED},   {"ASK ", REDIRECT_ASK},
        {"TRYAGAIN", REDIRECT_LATER}, {"CLUSTERDOWN", REDIRECT_LATER},
        {"LOADING", REDIRECT_LATER},  {"UNBLOCKED", REDIRECT_LATER},
    };
    *out = (struct redirect){.kind = REDIRECT_NONE};
    for (size_t i = 0; reply != NULL && i < sizeof kinds / sizeof kinds[0];
         i++) {
        if (starts_with(reply, kinds[i].prefix)) {
            const char *place = reply + strlen(kinds[i].prefix);
            bool whole =
                kinds[i].kind == REDIRECT_LATER || take_place(out, place);
            out->kind = whole ? kinds[i].kind : REDIRECT_NONE;
            return;
        }
    }
}
