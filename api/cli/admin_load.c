/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/admin.h"
#include "api/cli/crew.h"
#include "api/cli/names.h"
#include "api/cli/outcome.h"
#include "api/cli/progress.h"
#include "api/cli/tar.h"
#include "api/cli/text.h"
#include "api/cli/walk.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_DRY_RUN = 1,
    /* One folder travels while the service decodes the other. */
    CONNECTIONS = 2,
    /* The service answers when the whole release is in: a thousand tracks of
     * two hours, at a hundred times real time on two cores. */
    ANSWER_TIMEOUT_S = 10 * 3600,
};

/* A folder with audio: a release. */
struct folder {
    char name[PATH_MAX]; /* last part of its path */
    size_t first, end;   /* its files in the walk: first <= i < end */
    char **paths;        /* owned array of borrowed texts: what is sent */
    size_t path_count;
    uint64_t size_bytes;
    json_t *answer;   /* owned; NULL: not loaded */
    struct error why; /* when not loaded */
};
struct load {
    const struct context *context;
    bool dry_run;
    struct walk walk;
    struct folder *folders; /* owned */
    size_t folder_count;
    struct session sessions[CONNECTIONS];
    struct progress progress;
    struct buffer line;
    pthread_mutex_t mutex; /* for done_bytes */
    uint64_t done_bytes;
    uint64_t total_bytes;
    size_t counts[4]; /* as release_words */
    size_t added_count;
    size_t failed_count; /* releases and files that could not be loaded */
    size_t not_audio_count;
};

static const char *const release_words[] = {"added", "changed", "unchanged",
                                            "empty"};

/* Everything visible is looked at, so that what is left out can be named. */
static bool is_visible(const char *path)
{
    return !name_is_hidden(path);
}

static bool is_sent(const struct walk_file *file)
{
    return file->problem[0] == '\0' &&
           (name_is_audio(file->path) || name_is_cover(file->path));
}

/* From files in the order of their folders to folders. */

static size_t folder_length(const char *path)
{
    return (size_t)(name_base(path) - path);
}

static bool is_same_folder(const char *left, const char *right)
{
    const size_t length = folder_length(left);

    return length == folder_length(right) && strncmp(left, right, length) == 0;
}

static void name_folder(struct folder *folder, const char *path)
{
    char whole[PATH_MAX];
    char *resolved;

    /* "." and ".." have names, too. */
    snprintf(whole, sizeof(whole), "%.*s.", (int)folder_length(path), path);
    resolved = realpath(whole, NULL);
    snprintf(folder->name, sizeof(folder->name), "%s",
             resolved != NULL ? name_base(resolved) : "release");
    free(resolved);
}

/* Files first..end-1 of the walk lie in one folder. Audio and the cover are
 * sent; what else lies there is told to be left out. */
static enum status add_folder(struct load *load, size_t first, size_t end,
                              struct error *err)
{
    struct folder *folder = &load->folders[load->folder_count];
    bool has_audio = false;

    folder->paths = calloc(end - first + 1, sizeof(*folder->paths));
    if (folder->paths == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "out of memory: load fewer folders at once");
    }
    for (size_t i = first; i < end; i++) {
        const struct walk_file *file = &load->walk.files[i];

        if (is_sent(file)) {
            has_audio = has_audio || name_is_audio(file->path);
            folder->paths[folder->path_count++] = file->path;
            folder->size_bytes += file->size_bytes;
        }
    }
    if (!has_audio) {
        free(folder->paths);
        *folder = (struct folder){0};
        return STATUS_OK;
    }
    folder->first = first;
    folder->end = end;
    name_folder(folder, folder->paths[0]);
    load->total_bytes += folder->size_bytes;
    load->folder_count++;
    return STATUS_OK;
}

static enum status gather(struct load *load, struct error *err)
{
    const struct walk *walk = &load->walk;
    enum status status = STATUS_OK;
    size_t first = 0;

    load->folders = calloc(walk->count + 1, sizeof(*load->folders));
    if (load->folders == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "out of memory: load fewer folders at once");
    }
    for (size_t i = 1; i <= walk->count && status == STATUS_OK; i++) {
        if (i == walk->count ||
            !is_same_folder(walk->files[first].path, walk->files[i].path)) {
            status = add_folder(load, first, i, err);
            first = i;
        }
    }
    return status;
}

/* One release's way. */

static bool rewind_body(void *context)
{
    tar_rewind(context);
    return true;
}

static int64_t read_body(void *context, char *out, size_t length)
{
    const int64_t got = tar_read(context, out, length);

    return got < 0 ? CLIENT_READ_FAILED : got;
}

static enum status load_path(struct buffer *out, const struct load *load,
                             const struct folder *folder, struct error *err)
{
    struct buffer name = {0};
    enum status status = buffer_printf(
        out, err,
        "/v1/admin/releases?dry_run=%d&folder=", load->dry_run ? 1 : 0);

    /* As UTF-8, whatever bytes the folder's name has. */
    if (status == STATUS_OK) {
        status = text_append(&name, folder->name, err);
    }
    if (status == STATUS_OK) {
        status = text_append_encoded(out, buffer_text(&name), err);
    }
    buffer_clear(&name);
    return status;
}

static enum status send_folder(struct load *load, struct session *session,
                               struct folder *folder, struct error *err)
{
    struct buffer path = {0};
    struct tar *tar = NULL;
    enum status status = tar_open(&tar, folder->paths, folder->path_count, err);

    if (status == STATUS_OK) {
        status = load_path(&path, load, folder, err);
    }
    if (status == STATUS_OK) {
        const struct client_body body = {.content_type = "application/x-tar",
                                         .size_bytes = tar_size(tar),
                                         .read = read_body,
                                         .context = tar};
        const struct client_request request = {.method = "POST",
                                               .path = buffer_text(&path),
                                               .body = &body,
                                               .answer_timeout_s =
                                                   ANSWER_TIMEOUT_S};

        status = session_send_patiently(session, &request, rewind_body,
                                        &folder->answer, err);
        if (status == STATUS_INVALID && strcmp(err->code, "body_failed") == 0) {
            *err = *tar_error(tar);
        }
    }
    buffer_clear(&path);
    tar_close(tar);
    return status;
}

static bool work(void *context, unsigned worker, size_t i)
{
    struct load *load = context;
    struct folder *folder = &load->folders[i];
    const enum status status =
        send_folder(load, &load->sessions[worker], folder, &folder->why);

    pthread_mutex_lock(&load->mutex);
    load->done_bytes += folder->size_bytes;
    pthread_mutex_unlock(&load->mutex);
    return status != STATUS_UNAVAILABLE && status != STATUS_DENIED &&
           status != STATUS_NO_MEMORY;
}

static void tick(void *context, size_t done_count)
{
    struct load *load = context;

    pthread_mutex_lock(&load->mutex);
    const uint64_t done_bytes = load->done_bytes;

    pthread_mutex_unlock(&load->mutex);
    progress_show(&load->progress, done_count, load->folder_count, "releases",
                  done_bytes, load->total_bytes);
}

/* Telling. */

static void say(struct load *load, const char *label, const char *name,
                const char *text)
{
    struct buffer *line = &load->line;
    struct error ignored;

    line->length = 0;
    if (buffer_printf(line, &ignored, "%-10s ", label) == STATUS_OK &&
        text_append(line, name, &ignored) == STATUS_OK &&
        buffer_printf(line, &ignored, ": ") == STATUS_OK &&
        text_append(line, text, &ignored) == STATUS_OK) {
        command_print(line);
    }
}

static bool has_status(const json_t *object, const char *status)
{
    return strcmp(text_member(object, "status", ""), status) == 0;
}

/* A file that is no audio is told by name; it is no failure of loading. */
static void count_files(struct load *load, const json_t *files)
{
    size_t i;
    const json_t *file;

    json_array_foreach(files, i, file)
    {
        if (has_status(file, "added")) {
            load->added_count++;
        } else if (has_status(file, "failed") &&
                   strcmp(text_member(file, "reason", ""), "not_audio") == 0) {
            load->not_audio_count++;
        } else if (has_status(file, "failed")) {
            load->failed_count++;
        }
    }
}

static void count_release(struct load *load, const json_t *answer)
{
    for (size_t i = 0; i < sizeof(release_words) / sizeof(release_words[0]);
         i++) {
        if (has_status(answer, release_words[i])) {
            load->counts[i]++;
        }
    }
    count_files(load, json_object_get(answer, "files"));
}

/* What was not sent belongs to the report, too. */
static void add_left_out(const struct load *load, const struct folder *folder)
{
    json_t *files = json_object_get(folder->answer, "files");

    for (size_t i = folder->first; i < folder->end; i++) {
        const struct walk_file *file = &load->walk.files[i];
        struct buffer name = {0};
        struct error ignored;

        if (!is_sent(file) && file->problem[0] == '\0' &&
            text_append(&name, name_base(file->path), &ignored) == STATUS_OK) {
            json_array_append_new(
                files,
                json_pack("{s:s, s:s, s:s, s:s, s:n, s:n}", "name",
                          buffer_text(&name), "status", "skipped", "reason",
                          "not_named_like_audio", "detail",
                          "not sent: its name has no ending of audio files",
                          "recording_id", "duration_ms"));
        }
        buffer_clear(&name);
    }
}

static size_t count_tracks(const json_t *files)
{
    size_t count = 0;
    size_t i;
    const json_t *file;

    json_array_foreach(files, i, file)
    {
        if (has_status(file, "added") || has_status(file, "unchanged") ||
            has_status(file, "linked")) {
            count++;
        }
    }
    return count;
}

static void print_release(struct load *load, const json_t *answer)
{
    const json_t *files = json_object_get(answer, "files");
    struct buffer *line = &load->line;
    struct error ignored;
    size_t i;
    const json_t *file;

    line->length = 0;
    if (buffer_printf(line, &ignored, "%-10s ",
                      text_member(answer, "status", "?")) == STATUS_OK &&
        outcome_names(line, text_member(answer, "artist", ""),
                      text_member(answer, "title", "(no title)"), "",
                      &ignored) == STATUS_OK &&
        buffer_printf(line, &ignored, ": %zu tracks  %s", count_tracks(files),
                      text_member(answer, "release_id", "")) == STATUS_OK) {
        command_print(line);
    }
    json_array_foreach(files, i, file)
    {
        if (has_status(file, "failed") || has_status(file, "skipped")) {
            say(load, has_status(file, "failed") ? "  failed" : "  skipped",
                text_member(file, "name", "?"),
                text_member(file, "detail", text_member(file, "reason", "")));
        }
    }
}

static void print_failure(struct load *load, const struct folder *folder)
{
    const char *code =
        folder->why.code[0] != '\0' ? folder->why.code : "not_tried";
    const char *detail = folder->why.code[0] != '\0'
                             ? folder->why.text
                             : "not tried after the failure of another one";

    load->failed_count++;
    if (!load->context->json) {
        say(load, "failed", folder->name, detail);
        return;
    }
    struct buffer name = {0};
    struct error ignored;

    if (text_append(&name, folder->name, &ignored) == STATUS_OK) {
        json_t *line =
            json_pack("{s:s, s:s, s:s, s:s, s:b, s:[]}", "folder",
                      buffer_text(&name), "status", "failed", "code", code,
                      "detail", detail, "dry_run", (int)load->dry_run, "files");

        command_print_json(line);
        json_decref(line);
    }
    buffer_clear(&name);
}

static void report(void *context, size_t i)
{
    struct load *load = context;
    const struct folder *folder = &load->folders[i];

    progress_hide(&load->progress);
    if (folder->answer == NULL) {
        print_failure(load, folder);
        return;
    }
    count_release(load, folder->answer);
    add_left_out(load, folder);
    if (load->context->json) {
        struct buffer name = {0};
        struct error ignored;

        if (text_append(&name, folder->name, &ignored) == STATUS_OK) {
            json_object_set_new(folder->answer, "folder",
                                json_string(buffer_text(&name)));
        }
        buffer_clear(&name);
        command_print_json(folder->answer);
    } else {
        print_release(load, folder->answer);
    }
}

/* What the walk could not read. */
static void report_problems(struct load *load)
{
    for (size_t i = 0; i < load->walk.count; i++) {
        const struct walk_file *file = &load->walk.files[i];

        struct error err;

        if (file->problem[0] != '\0') {
            load->failed_count++;
            (void)error_set(&err, STATUS_UNAVAILABLE, "unreadable",
                            "cannot read %.300s (%s): check the path, its "
                            "owner and mode",
                            file->path, file->problem);
            (void)command_fail(load->context, &err);
        }
    }
}

static int conclude(const struct load *load)
{
    FILE *out = load->context->json ? stderr : stdout;
    struct error err;

    fprintf(out,
            "%zu release%s%s: %zu added, %zu changed, %zu unchanged, %zu "
            "empty; %zu recordings added; %zu files no audio; %zu failed\n",
            load->folder_count, load->folder_count == 1 ? "" : "s",
            load->dry_run ? " (dry run)" : "", load->counts[0], load->counts[1],
            load->counts[2], load->counts[3], load->added_count,
            load->not_audio_count, load->failed_count);
    if (load->failed_count > 0) {
        (void)error_set(&err, STATUS_UNAVAILABLE, "incomplete",
                        "%zu could not be loaded: correct what is told above "
                        "and load again; what is in already stays as it is",
                        load->failed_count);
        return command_fail(load->context, &err);
    }
    if (load->folder_count == 0) {
        (void)error_set(&err, STATUS_INVALID, "no_release",
                        "there is no file named like audio there: name folders "
                        "of releases");
        return command_fail(load->context, &err);
    }
    return command_done(load->context);
}

static enum status prepare(struct load *load, char *const *paths,
                           struct error *err)
{
    enum status status = walk_files(&load->walk, paths, is_visible, err);

    if (status == STATUS_OK) {
        status = gather(load, err);
    }
    for (unsigned i = 0; i < CONNECTIONS && status == STATUS_OK; i++) {
        status = command_session(&load->sessions[i], load->context, err);
    }
    return status == STATUS_OK
               ? session_greet(&load->sessions[0], "/v1/admin/releases?limit=1",
                               err)
               : status;
}

static void clear(struct load *load)
{
    for (size_t i = 0; i < load->folder_count; i++) {
        free(load->folders[i].paths);
        json_decref(load->folders[i].answer);
    }
    free(load->folders);
    walk_clear(&load->walk);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        session_close(&load->sessions[i]);
    }
    buffer_clear(&load->line);
    pthread_mutex_destroy(&load->mutex);
}

static error_t load_option(int key, const char *value, void *own)
{
    (void)value;
    if (key == OPTION_DRY_RUN) {
        *(bool *)own = true;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int run(struct load *load, char *const *paths)
{
    struct error err;
    int code = EXIT_FAILED;
    enum status status = prepare(load, paths, &err);

    if (status == STATUS_OK) {
        const struct crew crew = {.task_count = load->folder_count,
                                  .worker_count = CONNECTIONS,
                                  .work = work,
                                  .report = report,
                                  .tick = tick,
                                  .context = load};

        report_problems(load);
        progress_start(&load->progress);
        status = crew_run(&crew, &err);
        progress_hide(&load->progress);
    }
    code = status == STATUS_OK ? conclude(load)
                               : command_fail(load->context, &err);
    clear(load);
    return code;
}

int run_catalog_load(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"dry-run", OPTION_DRY_RUN, NULL, 0,
         "Tell what would be done; change nothing", 0},
        {0}};
    struct load load = {.context = context, .mutex = PTHREAD_MUTEX_INITIALIZER};
    const struct command_line line = {
        .arguments = "PATH...",
        .doc = "Brings every folder with audio below PATH into the catalog as "
               "a release: tags are read from the files, cover.jpg or "
               "cover.png is its cover. The same folder again changes nothing. "
               "A file that is no audio is told by name and stops nothing."
               "\vEach release is one request, sent while it is packed. Exit "
               "code 1: a release or an audio file could not be loaded.",
        .options = options,
        .option = load_option,
        .own = &load.dry_run,
        .min_count = 1,
        .max_count = WALK_FILES_MAX};

    return run(&load, command_parse(argc, argv, context, &line));
}
