/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_device(const json_t *device)
{
    struct buffer line = {0};
    struct error ignored;
    const char *here =
        json_is_true(json_object_get(device, "this")) ? "  (this one)" : "";

    if (buffer_printf(&line, &ignored, "%s  %s  ",
                      text_member(device, "id", "?"),
                      text_member(device, "last_seen_at", "-")) == STATUS_OK &&
        text_append(&line, text_member(device, "name", ""), &ignored) ==
            STATUS_OK &&
        buffer_printf(&line, &ignored, "%s", here) == STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
}

static int list_devices(const struct context *context)
{
    const struct client_request request = {.method = "GET",
                                           .path = "/v1/devices"};
    struct session session = {0};
    struct error err;
    json_t *answer = NULL;
    size_t i;
    json_t *device;
    enum status status = command_session(&session, context, &err);

    if (status == STATUS_OK) {
        status = session_send(&session, &request, &answer, &err);
    }
    json_array_foreach(json_object_get(answer, "devices"), i, device)
    {
        if (context->json) {
            command_print_json(device);
        } else {
            print_device(device);
        }
    }
    json_decref(answer);
    session_close(&session);
    return status == STATUS_OK ? command_done(context)
                               : command_fail(context, &err);
}

static void print_removed(const json_t *answer)
{
    (void)answer;
    (void)puts("removed: its tokens ended at once");
}

static int remove_device(const struct context *context, const char *id)
{
    char path[256];
    struct error err;

    if (!id_valid(id)) {
        (void)error_set(&err, STATUS_INVALID, "bad_device",
                        "'%.60s' is no device: take an id that refrain devices "
                        "shows",
                        id);
        return command_fail(context, &err);
    }
    snprintf(path, sizeof(path), "/v1/devices/%s", id);
    const struct client_request request = {.method = "DELETE", .path = path};

    return command_ask(context, &request, print_removed);
}

int run_devices(int argc, char **argv, struct context *context)
{
    const struct command_line line = {
        .arguments = "[remove DEVICE]",
        .doc = "Lists the devices that are signed in, with when they were last "
               "seen, or removes one: its place is free and its tokens end at "
               "once.",
        .max_count = 2};
    char **arguments = command_parse(argc, argv, context, &line);

    if (arguments[0] == NULL) {
        return list_devices(context);
    }
    if (strcmp(arguments[0], "remove") != 0 || arguments[1] == NULL) {
        fprintf(stderr, "%s: write 'refrain devices remove DEVICE'\n",
                context->program);
        return EXIT_USAGE;
    }
    return remove_device(context, arguments[1]);
}

static void print_me(const json_t *me)
{
    const json_t *subscription = json_object_get(me, "subscription");
    const json_t *quota = json_object_get(me, "quota");
    struct buffer line = {0};
    struct error ignored;
    char used[TEXT_SHORT_SIZE];
    char limit[TEXT_SHORT_SIZE];

    text_size(used, (uint64_t)text_integer(quota, "used_bytes", 0));
    text_size(limit, (uint64_t)text_integer(quota, "limit_bytes", 0));
    if (text_append(&line, text_member(me, "email", "?"), &ignored) ==
            STATUS_OK &&
        buffer_printf(&line, &ignored,
                      "\nsubscription  %s until %s\ntracks        %" PRId64
                      "\nown audio     %s of %s",
                      text_member(subscription, "state", "?"),
                      text_member(subscription, "until", "?"),
                      text_integer(quota, "tracks", 0), used,
                      limit) == STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
}

int run_me(int argc, char **argv, struct context *context)
{
    const struct command_line line = {
        .doc = "Shows the account, its subscription and the room left."};
    const struct client_request request = {.method = "GET", .path = "/v1/me"};

    (void)command_parse(argc, argv, context, &line);
    return command_ask(context, &request, print_me);
}
