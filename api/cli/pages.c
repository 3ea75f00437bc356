/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/pages.h"

#include "api/cli/text.h"

#include <inttypes.h>
#include <stdio.h>

enum { PAGE_ITEMS = 500 }; /* what the API gives at most */

/* The address of the page at a cursor, which is the service's own affair: a
 * text or a number; empty when there is no further page. */
static enum status next_path(struct buffer *out, const char *path,
                             const json_t *next, struct error *err)
{
    enum status status = STATUS_OK;

    out->length = 0;
    if (!json_is_string(next) && !json_is_integer(next)) {
        return STATUS_OK;
    }
    status = buffer_printf(out, err, "%s?limit=%d&cursor=", path, PAGE_ITEMS);
    if (status == STATUS_OK && json_is_string(next)) {
        return text_append_encoded(out, json_string_value(next), err);
    }
    return status == STATUS_OK
               ? buffer_printf(out, err, "%" JSON_INTEGER_FORMAT,
                               json_integer_value(next))
               : status;
}

static void print_page(const struct context *context, const json_t *items,
                       void (*print)(const json_t *item))
{
    size_t i;
    const json_t *item;

    json_array_foreach(items, i, item)
    {
        if (context->json) {
            command_print_json(item);
        } else {
            print(item);
        }
    }
}

enum status pages_print(struct session *session, const struct context *context,
                        const char *path, const char *member,
                        void (*print)(const json_t *item), struct error *err)
{
    struct buffer at = {0};
    enum status status =
        buffer_printf(&at, err, "%s?limit=%d", path, PAGE_ITEMS);
    /* The first page also greets: without patience, so that a wrong address
     * is told at once. */
    bool greeted = false;

    while (status == STATUS_OK && at.length > 0 && !ferror(stdout)) {
        const struct client_request request = {.method = "GET",
                                               .path = buffer_text(&at)};
        json_t *page = NULL;

        status = greeted ? session_send_patiently(session, &request, NULL,
                                                  &page, err)
                         : session_send(session, &request, &page, err);
        if (status == STATUS_OK) {
            greeted = true;
            print_page(context, json_object_get(page, member), print);
            status = next_path(&at, path, json_object_get(page, "next"), err);
        }
        json_decref(page);
    }
    buffer_clear(&at);
    return status;
}
