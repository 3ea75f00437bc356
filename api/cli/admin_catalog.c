/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/admin.h"
#include "api/cli/outcome.h"
#include "api/cli/pages.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_release(const json_t *release)
{
    struct buffer line = {0};
    struct error ignored;

    if (buffer_printf(&line, &ignored, "%s  %3" PRId64 " tracks  ",
                      text_member(release, "release_id", "?"),
                      text_integer(release, "track_count", 0)) == STATUS_OK &&
        outcome_names(&line, text_member(release, "artist", ""),
                      text_member(release, "title", "(no title)"), "",
                      &ignored) == STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
}

int run_catalog_ls(int argc, char **argv, struct context *context)
{
    const struct command_line line = {.doc =
                                          "Lists all releases of the catalog."};
    struct session session = {0};
    struct error err;

    (void)command_parse(argc, argv, context, &line);
    enum status status = command_session(&session, context, &err);

    if (status == STATUS_OK) {
        status = pages_print(&session, context, "/v1/admin/releases",
                             "releases", print_release, &err);
    }
    session_close(&session);
    return status == STATUS_OK ? command_done(context)
                               : command_fail(context, &err);
}

/* " 1.03  3:41  rec_…  ISRC  Artist - Title" */
static enum status describe_track(struct buffer *line, const json_t *track,
                                  struct error *err)
{
    char duration[TEXT_SHORT_SIZE];

    text_time(duration, text_integer(track, "duration_ms", 0));
    const enum status status = buffer_printf(
        line, err, "%2" PRId64 ".%02" PRId64 "  %7s  %s  %-12s  ",
        text_integer(track, "disc", 1), text_integer(track, "track", 0),
        duration, text_member(track, "recording_id", "?"),
        text_member(track, "isrc", "-"));

    return status == STATUS_OK
               ? outcome_names(line, text_member(track, "artist", ""),
                               text_member(track, "title", "(no title)"), "",
                               err)
               : status;
}

static void print_member(const char *label, const char *value)
{
    struct buffer line = {0};
    struct error ignored;

    if (value[0] != '\0' &&
        buffer_printf(&line, &ignored, "%-10s ", label) == STATUS_OK &&
        text_append(&line, value, &ignored) == STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
}

/* A release with its tracks, or a recording. */
static void print_shown(const json_t *shown)
{
    static const char *const members[][2] = {{"release", "release_id"},
                                             {"recording", "recording_id"},
                                             {"title", "title"},
                                             {"artist", "artist"},
                                             {"on", "release_title"},
                                             {"isrc", "isrc"},
                                             {"advisory", "advisory"},
                                             {"barcode", "barcode"},
                                             {"date", "date"},
                                             {"type", "content_type"},
                                             {"sha-256", "master_sha256"}};
    struct buffer line = {0};
    struct error ignored;
    size_t i;
    const json_t *track;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        print_member(members[i][0], text_member(shown, members[i][1], ""));
    }
    json_array_foreach(json_object_get(shown, "tracks"), i, track)
    {
        line.length = 0;
        if (describe_track(&line, track, &ignored) == STATUS_OK) {
            command_print(&line);
        }
    }
    buffer_clear(&line);
}

/* A call to the release or recording that is named. */
static int ask_by_id(const char *id, const char *method,
                     struct context *context,
                     void (*print)(const json_t *answer))
{
    char path[256];
    struct error err;

    if (!id_valid(id)) {
        (void)error_set(&err, STATUS_INVALID, "bad_id",
                        "'%.60s' is no id: take one that refrain-admin catalog "
                        "ls shows",
                        id);
        return command_fail(context, &err);
    }
    snprintf(path, sizeof(path), "/v1/admin/releases/%s", id);
    const struct client_request request = {.method = method, .path = path};

    return command_ask(context, &request, print);
}

int run_catalog_show(int argc, char **argv, struct context *context)
{
    const struct command_line line = {
        .arguments = "ID",
        .doc = "Shows a release with its tracks, or a recording.",
        .min_count = 1,
        .max_count = 1};
    const char *id = command_parse(argc, argv, context, &line)[0];

    return ask_by_id(id, "GET", context, print_shown);
}

static void print_down(const json_t *down)
{
    struct buffer line = {0};
    struct error ignored;

    if (buffer_printf(&line, &ignored,
                      "%s is taken down: %" PRId64 " recordings match no more, "
                      "%" PRId64 " stay on other releases; libraries that "
                      "hold them play on",
                      text_member(down, "id", "?"),
                      text_integer(down, "recordings", 0),
                      text_integer(down, "kept", 0)) == STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
}

int run_catalog_takedown(int argc, char **argv, struct context *context)
{
    const struct command_line line = {
        .arguments = "ID",
        .doc = "Takes a release or a recording down: no upload is matched to "
               "it any more. Libraries that hold it play on. Loading its "
               "files again brings it back.",
        .min_count = 1,
        .max_count = 1};
    const char *id = command_parse(argc, argv, context, &line)[0];

    return ask_by_id(id, "DELETE", context, print_down);
}
