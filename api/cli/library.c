/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"
#include "api/cli/outcome.h"
#include "api/cli/pages.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <stdio.h>

/* "trk_1  matched   3:41  Artist - Title (Album)" */
static enum status describe_track(struct buffer *line, const json_t *track,
                                  struct error *err)
{
    char duration[TEXT_SHORT_SIZE];

    text_time(duration, text_integer(track, "duration_ms", 0));
    const enum status status = buffer_printf(
        line, err, "%s  %-8s  %7s  ", text_member(track, "id", "?"),
        text_member(track, "status", "?"), duration);

    return status == STATUS_OK
               ? outcome_names(line, text_member(track, "artist", ""),
                               text_member(track, "title", "(no title)"),
                               text_member(track, "album", ""), err)
               : status;
}

static void print_track(const json_t *track)
{
    struct buffer line = {0};
    struct error ignored;

    if (describe_track(&line, track, &ignored) == STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
}

int run_ls(int argc, char **argv, struct context *context)
{
    const struct command_line line = {
        .doc = "Lists all tracks of the library: id, status, length, names."};
    struct session session = {0};
    struct error err;

    (void)command_parse(argc, argv, context, &line);
    enum status status = command_session(&session, context, &err);

    if (status == STATUS_OK) {
        status = pages_print(&session, context, "/v1/library", "tracks",
                             print_track, &err);
    }
    session_close(&session);
    return status == STATUS_OK ? command_done(context)
                               : command_fail(context, &err);
}

static enum status add_line(struct buffer *out, const char *label,
                            const char *value, struct error *err)
{
    enum status status = STATUS_OK;

    if (value[0] != '\0') {
        status = buffer_printf(out, err, "%s%-12s ",
                               out->length > 0 ? "\n" : "", label);
        if (status == STATUS_OK) {
            status = text_append(out, value, err);
        }
    }
    return status;
}

/* What it was compared with: the recording it is, or the nearest one. */
static enum status describe_match(struct buffer *out, const char *label,
                                  const json_t *match, struct error *err)
{
    enum status status = STATUS_OK;

    if (!json_is_object(match)) {
        return STATUS_OK;
    }
    status = buffer_printf(out, err, "\n%-12s ", label);
    if (status == STATUS_OK) {
        status = outcome_evidence(out, match, err);
    }
    if (status == STATUS_OK) {
        status = add_line(out, "recording",
                          text_member(match, "recording_id", ""), err);
    }
    if (status == STATUS_OK) {
        status = add_line(out, "isrc", text_member(match, "isrc", ""), err);
    }
    return status;
}

static enum status describe(struct buffer *out, const json_t *why,
                            struct error *err)
{
    static const char *const members[][2] = {{"track", "track_id"},
                                             {"status", "status"},
                                             {"reason", "reason"},
                                             {"explanation", "explanation"}};
    const json_t *match = json_object_get(why, "match");
    enum status status = STATUS_OK;

    for (size_t i = 0;
         i < sizeof(members) / sizeof(members[0]) && status == STATUS_OK; i++) {
        status = add_line(out, members[i][0],
                          text_member(why, members[i][1], ""), err);
    }
    if (status == STATUS_OK) {
        status = describe_match(out, "compared", match, err);
    }
    if (status == STATUS_OK && !json_is_object(match)) {
        status = describe_match(out, "nearest", json_object_get(why, "nearest"),
                                err);
    }
    return status;
}

static void print_why(const json_t *why)
{
    struct buffer out = {0};
    struct error ignored;

    if (describe(&out, why, &ignored) == STATUS_OK) {
        command_print(&out);
    }
    buffer_clear(&out);
}

int run_why(int argc, char **argv, struct context *context)
{
    const struct command_line line = {
        .arguments = "TRACK",
        .doc = "Shows what was compared and why the track is matched or kept.",
        .min_count = 1,
        .max_count = 1};
    const char *track = command_parse(argc, argv, context, &line)[0];
    char path[256];
    struct error err;

    if (!id_valid(track)) {
        (void)error_set(&err, STATUS_INVALID, "bad_track",
                        "'%.60s' is no track: take an id that refrain ls shows",
                        track);
        return command_fail(context, &err);
    }
    snprintf(path, sizeof(path), "/v1/tracks/%s/why", track);
    const struct client_request request = {.method = "GET", .path = path};

    return command_ask(context, &request, print_why);
}
