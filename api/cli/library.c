/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"
#include "api/cli/outcome.h"
#include "api/cli/pages.h"
#include "api/cli/text.h"

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
