/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/admin.h"
#include "api/cli/progress.h"
#include "api/cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    OPTION_GRACE = 1,
    OPTION_DRY_RUN,
    OPTION_READ_DATA,
    OPTION_MAX_DURATION,

    DURATION_MAX_S = 30 * 24 * 60 * 60,
    GRACE_MAX_S = 365 * 24 * 60 * 60,
    GRACE_DEFAULT_S = 24 * 60 * 60,
    /* Every account and the whole store are looked at before it answers. */
    STATS_TIMEOUT_S = 3600,
    WAIT_S = 5, /* between two lines of progress; at most 10 (openapi.json) */
};

static int64_t count_of(const json_t *run, const char *name)
{
    return text_integer(json_object_get(run, "counts"), name, 0);
}

/* ---- a run and its end ---- */

static void show_progress(struct progress *progress, const json_t *run)
{
    char stored[TEXT_SHORT_SIZE];

    if (!progress->on) {
        return;
    }
    text_size(stored, (uint64_t)count_of(run, "stored_bytes"));
    /* ECMA-48: erase from the cursor to the end of the line. */
    fprintf(stderr, "\r\033[K%" PRId64 " accounts, %" PRId64 " objects (%s)",
            count_of(run, "accounts"), count_of(run, "stored_objects"), stored);
    if (count_of(run, "read_objects") > 0) {
        text_size(stored, (uint64_t)count_of(run, "read_bytes"));
        fprintf(stderr, ", %s read", stored);
    }
    (void)fflush(stderr);
    progress->shown = true;
}

static bool is_running(const json_t *run)
{
    return strcmp(text_member(run, "state", "running"), "running") == 0;
}

/* Starts the run and waits for its end; *run is its report. */
static enum status carry_out(struct session *session, const char *path,
                             json_t **run, struct error *err)
{
    const struct client_request start = {.method = "POST", .path = path};
    struct progress progress;
    char ask[160];
    json_t *begun = NULL;
    enum status status = session_send(session, &start, &begun, err);

    *run = NULL;
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(ask, sizeof(ask), "/v1/admin/vault/runs/%.64s?wait=%d",
             text_member(begun, "run_id", "none"), WAIT_S);
    json_decref(begun);
    progress_start(&progress);
    do {
        const struct client_request request = {.method = "GET", .path = ask};

        json_decref(*run);
        *run = NULL;
        status = session_send_patiently(session, &request, NULL, run, err);
        if (status == STATUS_OK) {
            show_progress(&progress, *run);
        }
    } while (status == STATUS_OK && is_running(*run));
    progress_hide(&progress);
    return status;
}

/* The sentence of a run that failed, as its own error. */
static enum status run_status(const json_t *run, struct error *err)
{
    const json_t *why = json_object_get(run, "error");

    return strcmp(text_member(run, "state", ""), "done") == 0
               ? STATUS_OK
               : error_set(err, STATUS_UNAVAILABLE, "run_failed", "%s",
                           text_member(why, "detail",
                                       "the run failed, and does not say why"));
}

/* ---- gc ---- */

static void print_collected(const json_t *run)
{
    char removed[TEXT_SHORT_SIZE];
    char stored[TEXT_SHORT_SIZE];
    const bool dry = json_is_true(json_object_get(run, "dry_run"));

    text_size(removed, (uint64_t)count_of(run, "removed_bytes"));
    text_size(stored, (uint64_t)count_of(run, "stored_bytes"));
    printf("%s %" PRId64 " objects (%s) of %" PRId64 " (%s); %" PRId64
           " more are nobody's and have their grace, %" PRId64
           " are being stored\n",
           dry ? "would remove" : "removed", count_of(run, "removed_objects"),
           removed, count_of(run, "stored_objects"), stored,
           count_of(run, "condemned_objects"), count_of(run, "pinned_objects"));
    printf("%s %" PRId64 " tracks whose time in the trash is over; %" PRId64
           " tracks of %" PRId64 " accounts own %" PRId64 " objects\n",
           dry ? "would forget" : "forgot", count_of(run, "purged_tracks"),
           count_of(run, "tracks"), count_of(run, "accounts"),
           count_of(run, "owned_objects"));
}

struct vault_options {
    const struct context *context;
    unsigned grace_s;
    unsigned max_duration_s;
    bool dry_run;
    bool read_data;
};

static error_t vault_option(int key, const char *value, void *own)
{
    struct vault_options *options = own;

    switch (key) {
    case OPTION_GRACE:
        options->grace_s =
            command_number(options->context, "--grace", value, 0, GRACE_MAX_S);
        return 0;
    case OPTION_DRY_RUN:
        options->dry_run = true;
        return 0;
    case OPTION_READ_DATA:
        options->read_data = true;
        return 0;
    case OPTION_MAX_DURATION:
        options->max_duration_s = command_number(
            options->context, "--max-duration", value, 1, DURATION_MAX_S);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int run_vault_gc(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"grace", OPTION_GRACE, "SECONDS", 0,
         "How long an object has to be nobody's (default 86400, a day)", 0},
        {"dry-run", OPTION_DRY_RUN, NULL, 0,
         "Say what would be done, and do nothing", 0},
        {0}};
    struct vault_options chosen = {.context = context,
                                   .grace_s = GRACE_DEFAULT_S};
    const struct command_line line = {
        .doc =
            "Empties the trash of what was removed long enough ago (refraind "
            "--trash-days) and removes objects of the vault that nobody "
            "owns any more. An interrupt leaves the run to the service.",
        .options = options,
        .option = vault_option,
        .own = &chosen};
    struct session session = {0};
    struct error err;
    json_t *run = NULL;
    char path[96];

    (void)command_parse(argc, argv, context, &line);
    snprintf(path, sizeof(path), "/v1/admin/vault/gc?grace_s=%u&dry_run=%d",
             chosen.grace_s, chosen.dry_run);
    enum status status = command_session(&session, context, &err);

    if (status == STATUS_OK) {
        status = carry_out(&session, path, &run, &err);
    }
    if (status == STATUS_OK && context->json) {
        command_print_json(run);
    }
    if (status == STATUS_OK) {
        status = run_status(run, &err);
    }
    if (status == STATUS_OK && !context->json) {
        print_collected(run);
    }
    json_decref(run);
    session_close(&session);
    return status == STATUS_OK ? command_done(context)
                               : command_fail(context, &err);
}

/* ---- check ---- */

/* "missing_object  2c26…  account acc_…  track trk_…  why" */
static void print_finding(const json_t *finding)
{
    static const char *const members[][2] = {{"", "object"},
                                             {"account ", "account_id"},
                                             {"track ", "track_id"},
                                             {"", "detail"}};
    struct buffer line = {0};
    struct error ignored;
    enum status status =
        text_append(&line, text_member(finding, "finding", "?"), &ignored);
    size_t i;

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *value = text_member(finding, members[i][1], "");

        if (status == STATUS_OK && value[0] != '\0') {
            status = buffer_printf(&line, &ignored, "  %s", members[i][0]);
        }
        if (status == STATUS_OK) {
            status = text_append(&line, value, &ignored);
        }
    }
    if (status == STATUS_OK &&
        json_object_get(finding, "expected_bytes") != NULL) {
        status =
            buffer_printf(&line, &ignored, "  %" PRId64 " bytes, not %" PRId64,
                          text_integer(finding, "found_bytes", 0),
                          text_integer(finding, "expected_bytes", 0));
    }
    if (status == STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
}

static void print_checked(const json_t *run, const struct context *context)
{
    char stored[TEXT_SHORT_SIZE];
    char read[TEXT_SHORT_SIZE];
    size_t i;
    const json_t *finding;

    json_array_foreach(json_object_get(run, "findings"), i, finding)
    {
        if (context->json) {
            command_print_json(finding);
        } else {
            print_finding(finding);
        }
    }
    if (context->json) {
        return;
    }
    text_size(stored, (uint64_t)count_of(run, "stored_bytes"));
    text_size(read, (uint64_t)count_of(run, "read_bytes"));
    printf("%" PRId64 " accounts, %" PRId64 " uploaded tracks, %" PRId64
           " objects (%s), %s read\n",
           count_of(run, "accounts"), count_of(run, "uploaded_tracks"),
           count_of(run, "stored_objects"), stored, read);
    printf("unreadable %" PRId64 ", missing %" PRId64 ", wrong size %" PRId64
           ", damaged %" PRId64 ", affected tracks %" PRId64
           ", wrong quotas %" PRId64 "\n",
           count_of(run, "unreadable_tracks"), count_of(run, "missing_objects"),
           count_of(run, "wrong_size_objects"),
           count_of(run, "damaged_objects"), count_of(run, "affected_tracks"),
           count_of(run, "wrong_quotas"));
    printf("nobody's: %" PRId64 " new, %" PRId64 " condemned, %" PRId64
           " being stored\n",
           count_of(run, "orphan_objects"), count_of(run, "condemned_objects"),
           count_of(run, "pinned_objects"));
}

/* The report without what stands on lines of its own. */
static void print_report(json_t *run)
{
    (void)json_object_del(run, "findings");
    command_print_json(run);
}

int run_vault_check(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"read-data", OPTION_READ_DATA, NULL, 0,
         "Read every object too and compare its SHA-256 with its name", 0},
        {"max-duration", OPTION_MAX_DURATION, "SECONDS", 0,
         "Read for so long; the next check goes on from there", 0},
        {0}};
    struct vault_options chosen = {.context = context};
    const struct command_line line = {
        .doc = "Looks whether every song can be put together from the vault, "
               "and whether quotas are right. Exit code 1 when anything is "
               "wrong. What nobody owns is counted and is not wrong: gc takes "
               "it.",
        .options = options,
        .option = vault_option,
        .own = &chosen};
    struct session session = {0};
    struct error err;
    json_t *run = NULL;
    char path[96];
    bool whole = false;

    (void)command_parse(argc, argv, context, &line);
    snprintf(path, sizeof(path),
             "/v1/admin/vault/check?read_data=%d&max_duration_s=%u",
             chosen.read_data, chosen.max_duration_s);
    enum status status = command_session(&session, context, &err);

    if (status == STATUS_OK) {
        status = carry_out(&session, path, &run, &err);
    }
    if (status == STATUS_OK) {
        print_checked(run, context);
        whole = json_is_true(
            json_object_get(json_object_get(run, "counts"), "is_whole"));
        if (context->json) {
            print_report(run);
        }
        status = run_status(run, &err);
    }
    json_decref(run);
    session_close(&session);
    if (status != STATUS_OK) {
        return command_fail(context, &err);
    }
    const int code = command_done(context);

    return whole ? code : EXIT_FAILED;
}

/* ---- stats ---- */

static void print_stats(const json_t *answer)
{
    static const struct {
        const char *label;
        const char *member;
        bool bytes;
    } rows[] = {
        {"accounts", "accounts", false},
        {"matched tracks", "matched_tracks", false},
        {"uploaded tracks", "uploaded_tracks", false},
        {"uploaded audio", "logical_bytes", true},
        {"takes in the vault", "owned_bytes", true},
        {"saved by sharing", "saved_by_sharing_bytes", true},
        {"saved by matching", "saved_by_matching_bytes", true},
        {"objects", "stored_objects", false},
        {"all objects", "stored_bytes", true},
        {"nobody's objects", "unowned_objects", false},
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int64_t value = text_integer(answer, rows[i].member, 0);
        char text[TEXT_SHORT_SIZE];

        if (rows[i].bytes && value >= 0) {
            text_size(text, (uint64_t)value);
        } else {
            snprintf(text, sizeof(text), "%" PRId64, value);
        }
        printf("%-20s %s\n", rows[i].label, text);
    }
}

int run_vault_stats(int argc, char **argv, struct context *context)
{
    const struct command_line line = {
        .doc = "Tells what the vault holds and what is saved: by sharing, "
               "since equal audio is stored once (less what sealing adds), and "
               "by matching: the size of the masters that matched tracks "
               "play, since what was uploaded for them is not kept."};
    const struct client_request request = {.method = "GET",
                                           .path = "/v1/admin/vault/stats",
                                           .answer_timeout_s = STATS_TIMEOUT_S};

    (void)command_parse(argc, argv, context, &line);
    return command_ask(context, &request, print_stats);
}
