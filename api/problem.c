/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/problem.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

/* Long enough for a Redis to load or a queue to drain, short enough that a
 * person does not notice: what a client waits before it tries again. */
enum { RETRY_AFTER_S = 2 };
/* A full disk or library needs a person: a minute. */
enum { RETRY_FULL_S = 60 };

/* What HTTP has a status of its own for. Anything else goes by the status. */
static const struct {
    const char *code;
    unsigned http_status;
} by_code[] = {
    {"method_not_allowed", 405},
    {"too_large", 413},
    {"too_many_headers", 431},
    {"unsupported_transfer", 501},
    {"expectation", 417},
    {"bad_range", 416},
    {"not_audio", 422},
    {"too_short", 422},
    {"too_long", 422},
    {"unreadable", 422},
    {"invalid_token", 401},
    {"invalid_grant", 400}, /* RFC 6749 §5.2 */
    {"changes_gone", 410},
    {"quota", 413},
    {"busy", 503},
    {"spool_full", 507},
    {"vault_full", 507},
    {"disk_full", 507},
};

static unsigned by_status(enum status status)
{
    switch (status) {
    case STATUS_INVALID:
        return 400;
    case STATUS_NOT_FOUND:
        return 404;
    case STATUS_CONFLICT:
        return 409;
    case STATUS_DENIED:
        return 403;
    case STATUS_LIMIT:
        return 429;
    case STATUS_CORRUPT:
        return 502;
    case STATUS_UNAVAILABLE:
    case STATUS_NO_MEMORY:
        return 503;
    case STATUS_OK:
        break;
    }
    assert(status != STATUS_OK);
    return 500;
}

static const struct {
    unsigned http_status;
    const char *title;
} titles[] = {
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {410, "Gone"},
    {413, "Content Too Large"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {507, "Insufficient Storage"},
};

static const char *title_of(unsigned http_status)
{
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        if (titles[i].http_status == http_status) {
            return titles[i].title;
        }
    }
    assert(http_status == 0); /* a status without a title is a bug of ours */
    return "";
}

struct problem problem_of(enum status status, const char *code)
{
    struct problem out = {.http_status = by_status(status)};
    for (size_t i = 0; i < sizeof by_code / sizeof by_code[0]; i++) {
        if (strcmp(by_code[i].code, code) == 0) {
            out.http_status = by_code[i].http_status;
        }
    }
    out.title = title_of(out.http_status);
    if (out.http_status == 503 || out.http_status == 429) {
        out.retry_after_s = RETRY_AFTER_S;
    } else if (out.http_status == 507) {
        out.retry_after_s = RETRY_FULL_S;
    }
    return out;
}
