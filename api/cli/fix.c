/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"
#include "api/cli/outcome.h"
#include "api/cli/scan_file.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <stdio.h>
#include <string.h>

enum { OPTION_UNDO = 'u' };

struct fix {
    const struct context *context;
    const char *track;
    const char *file; /* NULL: none was named */
    bool undo;
    json_t *answer; /* owned: the track as it is now */
    json_t *upload; /* owned: what became of the file; NULL: not sent */
};

static enum status ask(struct fix *fix, struct session *session,
                       struct error *err)
{
    char path[64 + ID_SIZE];

    snprintf(path, sizeof(path), "/v1/tracks/%s/fix", fix->track);
    const struct client_request request = {
        .method = fix->undo ? "DELETE" : "POST", .path = path};

    return session_send(session, &request, &fix->answer, err);
}

static bool is_wanted(const struct fix *fix)
{
    return json_is_true(json_object_get(fix->answer, "wanted"));
}

/* The same way as a scan's, so that a scan knows of it. */
static enum status send_file(struct fix *fix, struct session *session,
                             struct error *err)
{
    const struct credentials *who = &session->credentials;
    char folder[CREDENTIALS_TEXT_SIZE];
    uint8_t hash[SHA256_BYTES];
    struct sent *sent = NULL;
    enum status status = command_state_folder(folder, sizeof(folder), err);

    if (status == STATUS_OK) {
        status = sent_open(&sent, folder, who->url, who->email, err);
    }
    if (status == STATUS_OK) {
        status = scan_file_hash(hash, fix->file, err);
    }
    if (status == STATUS_OK) {
        status = scan_file_send(&fix->upload, session, sent, fix->file, hash,
                                fix->track, err);
    }
    sent_close(sent);
    return status;
}

static bool has_become_own(const struct fix *fix)
{
    return strcmp(text_member(fix->upload, "reason", ""), "fixed") == 0 &&
           strcmp(text_member(fix->upload, "track_id", ""), fix->track) == 0;
}

/* What happened, and what is to be done. */
static const char *sentence(const struct fix *fix)
{
    const bool matched =
        strcmp(text_member(fix->answer, "status", ""), "matched") == 0;

    if (fix->upload != NULL) {
        return "your own file plays from now on.";
    }
    if (fix->undo) {
        return matched ? "taken back; the catalog's recording plays, as before."
                       : "taken back; your own file plays, and is compared "
                         "with the catalog again.";
    }
    if (is_wanted(fix)) {
        return "noted; the catalog's recording plays until you send your own "
               "file: refrain scan PATH, or refrain fix TRACK FILE.";
    }
    return fix->file != NULL
               ? "your own file plays already; nothing was sent."
               : "noted; your own file is kept, whatever the catalog gets.";
}

static void tell(const struct fix *fix)
{
    if (fix->context->json) {
        command_print_json(fix->answer);
        if (fix->upload != NULL) {
            command_print_json(fix->upload);
        }
    } else if (fix->upload == NULL || has_become_own(fix)) {
        printf("%s: %s\n", fix->track, sentence(fix));
    }
}

/* A file that became something else is told as a scan tells it. */
static int conclude(const struct fix *fix)
{
    struct buffer line = {0};
    struct error err;

    tell(fix);
    if (fix->upload == NULL || has_become_own(fix)) {
        return command_done(fix->context);
    }
    if (!fix->context->json &&
        outcome_line(&line, fix->upload, fix->file, &err) == STATUS_OK) {
        command_print(&line);
    }
    buffer_clear(&line);
    (void)error_set(&err, STATUS_CONFLICT, "other_file",
                    "the file did not become the track's own audio: send the "
                    "one that the track was made from");
    return command_fail(fix->context, &err);
}

static int run(struct fix *fix)
{
    struct session session = {0};
    struct error err;
    enum status status = command_session(&session, fix->context, &err);

    if (status == STATUS_OK) {
        status = ask(fix, &session, &err);
    }
    if (status == STATUS_OK && fix->file != NULL && is_wanted(fix)) {
        status = send_file(fix, &session, &err);
    }
    session_close(&session);
    const int code =
        status == STATUS_OK ? conclude(fix) : command_fail(fix->context, &err);

    json_decref(fix->answer);
    json_decref(fix->upload);
    return code;
}

static error_t fix_option(int key, const char *value, void *own)
{
    struct fix *fix = own;

    (void)value;
    if (key == OPTION_UNDO) {
        fix->undo = true;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

int run_fix(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"undo", OPTION_UNDO, NULL, 0, "It is your song after all", 0}, {0}};
    struct fix fix = {.context = context};
    const struct command_line line = {
        .arguments = "TRACK [FILE]",
        .doc = "Says of a track: this is not my song. The catalog's recording "
               "is not taken for it again, and your own file is kept in its "
               "place, with your names, as soon as you send it: with FILE at "
               "once, else by scanning its folder again. A track that plays "
               "your own file keeps it, whatever the catalog gets.",
        .options = options,
        .option = fix_option,
        .own = &fix,
        .min_count = 1,
        .max_count = 2};
    char **arguments = command_parse(argc, argv, context, &line);
    struct error err;

    fix.track = arguments[0];
    fix.file = arguments[1];
    if (!id_valid(fix.track)) {
        (void)error_set(&err, STATUS_INVALID, "bad_track",
                        "'%.60s' is no track: take an id that refrain ls shows",
                        fix.track);
        return command_fail(context, &err);
    }
    if (fix.undo && fix.file != NULL) {
        (void)error_set(&err, STATUS_INVALID, "undo_with_file",
                        "--undo takes no file: name the track alone");
        (void)command_fail(context, &err);
        return EXIT_USAGE;
    }
    return run(&fix);
}
