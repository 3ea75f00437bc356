/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"
#include "api/cli/files.h"
#include "api/cli/names.h"
#include "api/cli/progress.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPTION_OUTPUT = 'o' };

/* A download into a file beside its place. */
struct get {
    const char *track;
    const char *output; /* -o; NULL: named by the service */
    int fd;
    bool to_stdout;
    char fresh[PATH_MAX];      /* the file beside; "" none */
    struct client_facts facts; /* of the first answer */
    uint64_t got_bytes;
    struct progress progress;
    struct error error; /* why begin or write said no */
};

static bool refuse(struct get *get, const char *doing)
{
    (void)error_set(&get->error, STATUS_UNAVAILABLE, "unwritable",
                    "cannot %s (%s): check the folder's owner, mode and free "
                    "space",
                    doing, strerror(errno));
    return false;
}

/* Beside the output, so that the rename stays on one disk. */
static bool open_fresh(struct get *get)
{
    const char *place = get->output != NULL ? get->output : "";
    const int folder_length = (int)(name_base(place) - place);

    if (snprintf(get->fresh, sizeof(get->fresh), "%.*s.refrain-XXXXXX",
                 folder_length, place) >= (int)sizeof(get->fresh)) {
        get->fresh[0] = '\0';
        errno = ENAMETOOLONG;
        return refuse(get, "make a file there");
    }
    get->fd = mkostemp(get->fresh, O_CLOEXEC);
    if (get->fd < 0) {
        get->fresh[0] = '\0';
        return refuse(get, "make a file there");
    }
    return true;
}

/* The name that the service gives may come from whoever uploaded the file. */
static void choose_name(char out[CLIENT_NAME_SIZE], const struct get *get)
{
    name_make_safe(out, CLIENT_NAME_SIZE, get->facts.file_name);
    if (out[0] == '\0') {
        snprintf(out, CLIENT_NAME_SIZE, "%s.audio", get->track);
    }
}

/* Nobody asked for this name, so it must not replace anything; told before the
 * bytes travel. */
static bool check_name(struct get *get)
{
    char name[CLIENT_NAME_SIZE];

    choose_name(name, get);
    if (access(name, F_OK) == 0) {
        (void)error_set(&get->error, STATUS_CONFLICT, "exists",
                        "%s is here already: choose another name with -o FILE",
                        name);
        return false;
    }
    return true;
}

static bool on_begin(void *context, const struct client_facts *facts)
{
    struct get *get = context;

    if (facts->first_byte != 0 && facts->first_byte != get->got_bytes) {
        (void)error_set(&get->error, STATUS_INVALID, "bad_answer",
                        "the service sent another part than was asked for: "
                        "try again");
        return false;
    }
    if (facts->first_byte == 0 && get->got_bytes > 0) {
        /* Another sound meanwhile: all over again. */
        if (get->to_stdout) {
            (void)error_set(&get->error, STATUS_CONFLICT, "changed",
                            "the track changed while it was read: try again");
            return false;
        }
        if (ftruncate(get->fd, 0) != 0 || lseek(get->fd, 0, SEEK_SET) != 0) {
            return refuse(get, "empty the file");
        }
        get->got_bytes = 0;
    }
    if (facts->first_byte == 0) {
        get->facts = *facts;
    }
    if (get->fd >= 0) {
        return true;
    }
    return (get->output != NULL || check_name(get)) && open_fresh(get);
}

static bool on_write(void *context, const void *bytes, size_t length)
{
    struct get *get = context;

    if (!files_write(get->fd, bytes, length)) {
        return refuse(get, "write the file");
    }
    get->got_bytes += length;
    if (!get->to_stdout) {
        progress_show(&get->progress, 0, 1, "tracks", get->got_bytes,
                      get->facts.size_bytes);
    }
    return true;
}

/* From where it broke off, as long as each try brings something or the tries
 * are not used up. */
static enum status receive(struct get *get, struct session *session,
                           struct error *err)
{
    char path[256];
    unsigned tries = 0;
    enum status status;

    snprintf(path, sizeof(path), "/v1/tracks/%s/audio", get->track);
    do {
        const uint64_t before = get->got_bytes;
        const bool resumable = before > 0 && get->facts.etag[0] != '\0';
        const struct client_download download = {.path = path,
                                                 .first_byte =
                                                     resumable ? before : 0,
                                                 .etag = get->facts.etag,
                                                 .begin = on_begin,
                                                 .write = on_write,
                                                 .context = get};

        status = session_receive(session, &download, err);
        if (status == STATUS_INVALID && strcmp(err->code, "sink_failed") == 0) {
            *err = get->error;
        }
        tries = get->got_bytes > before ? 1 : tries + 1;
    } while (session_wait(session, status, tries));
    if (status == STATUS_OK && get->got_bytes != get->facts.size_bytes) {
        status = error_set(err, STATUS_CORRUPT, "short",
                           "%llu bytes came instead of %llu: try again",
                           (unsigned long long)get->got_bytes,
                           (unsigned long long)get->facts.size_bytes);
    }
    return status;
}

static enum status finish(struct get *get, char name[PATH_MAX],
                          struct error *err)
{
    const mode_t mask = umask(0);
    int failed = 0;

    umask(mask);
    if (get->output != NULL) {
        snprintf(name, PATH_MAX, "%s", get->output);
    } else {
        char chosen[CLIENT_NAME_SIZE];

        choose_name(chosen, get);
        snprintf(name, PATH_MAX, "%s", chosen);
    }
    if (fchmod(get->fd, 0666 & ~mask) != 0 || fsync(get->fd) != 0) {
        failed = -1;
    } else if (get->output != NULL) {
        failed = rename(get->fresh, name);
    } else {
        /* Unlike a rename, never in the place of another file. */
        failed = link(get->fresh, name);
        if (failed == 0) {
            unlink(get->fresh);
        }
    }
    if (failed != 0) {
        return error_set(err, STATUS_UNAVAILABLE, "unwritable",
                         "cannot keep it as %s (%s): choose another name with "
                         "-o FILE",
                         name, strerror(errno));
    }
    get->fresh[0] = '\0';
    return STATUS_OK;
}

static int report(const struct context *context, const struct get *get,
                  const char *name)
{
    char size[TEXT_SHORT_SIZE];

    if (context->json && !get->to_stdout) {
        json_t *line = json_pack(
            "{s:s, s:s%, s:I, s:s, s:s}", "track_id", get->track, "file", name,
            strlen(name), "size_bytes", (json_int_t)get->got_bytes,
            "content_type", get->facts.content_type, "etag", get->facts.etag);

        command_print_json(line);
        json_decref(line);
    } else if (!get->to_stdout) {
        text_size(size, get->got_bytes);
        printf("%s: %s, %s\n", name, size, get->facts.content_type);
    }
    return command_done(context);
}

static error_t get_option(int key, const char *value, void *own)
{
    struct get *get = own;

    if (key == OPTION_OUTPUT) {
        get->output = value;
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

static int run(const struct context *context, struct get *get)
{
    struct session session = {0};
    struct error err;
    char name[PATH_MAX] = "";
    enum status status = command_session(&session, context, &err);

    progress_start(&get->progress);
    if (status == STATUS_OK) {
        status = receive(get, &session, &err);
    }
    progress_hide(&get->progress);
    if (status == STATUS_OK && !get->to_stdout) {
        status = finish(get, name, &err);
    }
    if (get->fresh[0] != '\0') {
        unlink(get->fresh);
    }
    if (get->fd >= 0 && !get->to_stdout) {
        close(get->fd);
    }
    session_close(&session);
    return status == STATUS_OK ? report(context, get, name)
                               : command_fail(context, &err);
}

int run_get(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"output", OPTION_OUTPUT, "FILE", 0,
         "Write to FILE, replacing it (default: a new file here with the name "
         "that the service knows; -: standard output)",
         0},
        {0}};
    struct get get = {.fd = -1};
    const struct command_line line = {
        .arguments = "TRACK",
        .doc = "Downloads a track's audio: the catalog's master of a matched "
               "track, byte by byte your own file of an uploaded one. A "
               "connection that breaks is taken up where it was.",
        .options = options,
        .option = get_option,
        .own = &get,
        .min_count = 1,
        .max_count = 1};
    struct error err;

    get.track = command_parse(argc, argv, context, &line)[0];
    if (!id_valid(get.track)) {
        (void)error_set(&err, STATUS_INVALID, "bad_track",
                        "'%.60s' is no track: take an id that refrain ls shows",
                        get.track);
        return command_fail(context, &err);
    }
    if (get.output != NULL && strcmp(get.output, "-") == 0) {
        get.to_stdout = true;
        get.fd = STDOUT_FILENO;
    }
    return run(context, &get);
}
