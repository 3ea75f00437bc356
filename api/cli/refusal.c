/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/refusal.h"

#include "api/cli/text.h"
#include "catalog/id.h"

#include <stdio.h>
#include <string.h>

static enum status status_of(long http_status)
{
    switch (http_status) {
    case 401:
    case 403:
        return STATUS_DENIED;
    case 404:
    case 410:
        return STATUS_NOT_FOUND;
    case 409:
        return STATUS_CONFLICT;
    case 413:
        return STATUS_LIMIT;
    case 429: /* too many at once: RFC 6585 §4 */
        return STATUS_UNAVAILABLE;
    default:
        return http_status >= 500 ? STATUS_UNAVAILABLE : STATUS_INVALID;
    }
}

/* A code is [a-z0-9_]; anything else is not one of Refrain's. */
static const char *code_of(const json_t *body)
{
    const char *code =
        text_member(body, "code", text_member(body, "error", ""));
    const size_t good = strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return good == strlen(code) ? code : "";
}

enum status refusal_read(long http_status, const json_t *body,
                         struct error *err)
{
    const enum status status = status_of(http_status);
    const char *detail = text_member(
        body, "detail",
        text_member(body, "error_description", text_member(body, "title", "")));
    const char *request_id = text_member(body, "request_id", "");
    char code[sizeof(err->code)];
    struct buffer text = {0};
    struct error ignored;

    snprintf(code, sizeof(code), "%s", code_of(body));
    if (code[0] == '\0') {
        snprintf(code, sizeof(code), "http_%ld", http_status);
    }
    if (detail[0] == '\0' ||
        text_append(&text, detail, &ignored) != STATUS_OK) {
        (void)error_set(err, status, code,
                        "the answer was HTTP status %ld without a reason: "
                        "check that the address is Refrain's",
                        http_status);
    } else if (http_status >= 500 && id_valid(request_id)) {
        (void)error_set(err, status, code, "%s (request %s)",
                        buffer_text(&text), request_id);
    } else {
        (void)error_set(err, status, code, "%s", buffer_text(&text));
    }
    buffer_clear(&text);
    return status;
}
