/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"
#include "api/cli/outcome.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <stdio.h>
#include <string.h>

static enum status add_label(struct buffer *out, const char *label,
                             struct error *err)
{
    return buffer_printf(out, err, "%s%-12s ", out->length > 0 ? "\n" : "",
                         label);
}

static enum status add_line(struct buffer *out, const char *label,
                            const char *value, struct error *err)
{
    enum status status = STATUS_OK;

    if (value[0] != '\0') {
        status = add_label(out, label, err);
        if (status == STATUS_OK) {
            status = text_append(out, value, err);
        }
    }
    return status;
}

/* "uploaded: another edition is in the catalog; yours is kept" */
static enum status add_outcome(struct buffer *out, const json_t *why,
                               struct error *err)
{
    const char *reason = text_member(why, "reason", "");
    enum status status =
        add_line(out, "outcome", text_member(why, "status", "unknown"), err);

    if (status == STATUS_OK && reason[0] != '\0') {
        status = buffer_printf(out, err, ": ");
        if (status == STATUS_OK) {
            status = text_append(out, outcome_reason(reason), err);
        }
    }
    return status;
}

/* The next best, so that one sees by how far the best was ahead. */
static enum status add_runner_up(struct buffer *out, const json_t *match,
                                 struct error *err)
{
    const json_t *other = json_object_get(match, "runner_up");
    const json_t *bit_errors = json_object_get(other, "bit_error_rate");
    enum status status = STATUS_OK;

    if (!json_is_object(other)) {
        return STATUS_OK;
    }
    status =
        add_line(out, "next best", text_member(other, "recording_id", ""), err);
    if (status == STATUS_OK && json_is_number(bit_errors)) {
        status = buffer_printf(out, err, ", bit errors %.1f %%",
                               100 * json_number_value(bit_errors));
    }
    return status;
}

/* What it was compared with: the recording it is, or the nearest one. */
static enum status add_match(struct buffer *out, const char *label,
                             const json_t *match, struct error *err)
{
    enum status status = STATUS_OK;

    if (!json_is_object(match)) {
        return STATUS_OK;
    }
    status = add_label(out, label, err);
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
    return status == STATUS_OK ? add_runner_up(out, match, err) : status;
}

/* "12 recordings share enough of its fingerprint to be looked at" */
static enum status add_search(struct buffer *out, const json_t *why,
                              struct error *err)
{
    const long long count = text_integer(why, "candidate_count", 0);
    const bool further =
        strcmp(text_member(why, "attempt", ""), "neighbours") == 0;
    enum status status = add_label(out, "search", err);

    if (status == STATUS_OK) {
        status = buffer_printf(
            out, err,
            "%lld recording%s of the catalog share%s enough of its fingerprint "
            "to be looked at%s",
            count, count == 1 ? "" : "s", count == 1 ? "s" : "",
            further ? ", looked for a bit further off as well" : "");
    }
    return status;
}

static enum status describe(struct buffer *out, const json_t *why,
                            struct error *err)
{
    const json_t *match = json_object_get(why, "match");
    enum status status =
        add_line(out, "track", text_member(why, "track_id", ""), err);

    if (status == STATUS_OK) {
        status = add_outcome(out, why, err);
    }
    if (status == STATUS_OK) {
        status = add_line(out, "explanation",
                          text_member(why, "explanation", ""), err);
    }
    if (status == STATUS_OK) {
        status = add_line(out, "fixed", text_member(why, "fixed_at", ""), err);
    }
    if (status == STATUS_OK) {
        status = add_match(out, "compared", match, err);
    }
    if (status == STATUS_OK && !json_is_object(match)) {
        status =
            add_match(out, "nearest", json_object_get(why, "nearest"), err);
    }
    return status == STATUS_OK ? add_search(out, why, err) : status;
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
        .doc = "Shows what was compared and why the track is matched or kept: "
               "the outcome, what decided, the recording that it was compared "
               "with or that came nearest, and how far the catalog was "
               "searched.",
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
