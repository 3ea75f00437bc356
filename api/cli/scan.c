/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/commands.h"
#include "api/cli/crew.h"
#include "api/cli/names.h"
#include "api/cli/outcome.h"
#include "api/cli/progress.h"
#include "api/cli/scan_file.h"
#include "api/cli/text.h"
#include "api/cli/walk.h"

#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_CONNECTIONS = 'c',
    /* One sends while the others wait for their outcomes. */
    CONNECTIONS_DEFAULT = 4,
};

/* What became of a file. Written by its worker, read when it is reported. */
struct result {
    json_t *upload;   /* owned; NULL: not sent */
    struct error why; /* when not sent; code "" before it was tried */
    uint8_t hash[SHA256_BYTES];
    size_t same_as; /* index of a file with the same bytes, or its own */
    bool settled;   /* nothing of it changes any more */
};

/* Words of the summary, in its order. */
static const char *const words[] = {"matched",    "uploaded", "duplicate",
                                    "ineligible", "error",    "waiting",
                                    "not_sent"};
enum { WORD_COUNT = sizeof(words) / sizeof(words[0]) };

struct scan {
    const struct context *context;
    struct walk walk;
    struct result *results; /* one a file */
    struct session sessions[CREW_WORKERS_MAX];
    unsigned connections;
    struct sent *sent;
    /* For by_bytes, done_bytes, fatal and every result's settled. */
    pthread_mutex_t mutex;
    pthread_cond_t settled;
    void *by_bytes; /* tsearch tree of the first result of each hash */
    uint64_t done_bytes;
    struct error fatal; /* why the scan ended early; code "" none */
    struct progress progress;
    struct buffer line;
    size_t counts[WORD_COUNT];
    size_t sent_count;
    uint64_t sent_bytes;
};

static int compare_hashes(const void *left, const void *right)
{
    return memcmp(((const struct result *)left)->hash,
                  ((const struct result *)right)->hash, SHA256_BYTES);
}

/* The index of the file that was first seen with these bytes. */
static size_t claim(struct scan *scan, size_t i)
{
    struct result *own = &scan->results[i];
    size_t first = i;

    pthread_mutex_lock(&scan->mutex);
    struct result **found = tsearch(own, &scan->by_bytes, compare_hashes);

    if (found != NULL) {
        first = (size_t)(*found - scan->results);
    } /* no memory: then it is sent, and the service finds the duplicate */
    pthread_mutex_unlock(&scan->mutex);
    return first;
}

/* What goes wrong with one file leaves the others: everything else would go
 * wrong with them, too. */
static bool is_fatal(enum status status)
{
    return status == STATUS_UNAVAILABLE || status == STATUS_DENIED ||
           status == STATUS_NO_MEMORY;
}

/* The other file is in a worker's hands, which waits for nobody. */
static void await_other(struct scan *scan, size_t other)
{
    pthread_mutex_lock(&scan->mutex);
    while (!scan->results[other].settled) {
        pthread_cond_wait(&scan->settled, &scan->mutex);
    }
    pthread_mutex_unlock(&scan->mutex);
}

static void settle(struct scan *scan, size_t i, enum status status)
{
    pthread_mutex_lock(&scan->mutex);
    scan->results[i].settled = true;
    scan->done_bytes += scan->walk.files[i].size_bytes;
    if (is_fatal(status) && scan->fatal.code[0] == '\0') {
        scan->fatal = scan->results[i].why;
    }
    pthread_cond_broadcast(&scan->settled);
    pthread_mutex_unlock(&scan->mutex);
}

static enum status deal_with(struct scan *scan, unsigned worker, size_t i)
{
    const struct walk_file *file = &scan->walk.files[i];
    struct result *result = &scan->results[i];
    enum status status = STATUS_OK;

    if (file->problem[0] != '\0') {
        return error_set(&result->why, STATUS_INVALID, "unreadable",
                         "cannot be read (%s): check the path, its owner and "
                         "mode",
                         file->problem);
    }
    status = scan_file_hash(result->hash, file->path, &result->why);
    if (status != STATUS_OK) {
        return status;
    }
    result->same_as = claim(scan, i);
    if (result->same_as != i) {
        await_other(scan, result->same_as);
        return STATUS_OK;
    }
    return scan_file_send(&result->upload, &scan->sessions[worker], scan->sent,
                          file->path, result->hash, "", &result->why);
}

static bool work(void *context, unsigned worker, size_t i)
{
    struct scan *scan = context;
    const enum status status = deal_with(scan, worker, i);

    settle(scan, i, status);
    return !is_fatal(status);
}

static json_t *not_sent(const struct scan *scan, const struct result *result)
{
    const struct error *why =
        result->why.code[0] != '\0' ? &result->why : &scan->fatal;

    return json_pack("{s:n, s:s, s:n, s:s, s:n, s:s, s:b}", "id", "status",
                     "not_sent", "track_id", "reason", why->code, "match",
                     "detail", why->text, "sent", 0);
}

/* Of two files with the same bytes one is sent; the other one is what the
 * service would say of it. */
static json_t *same_file(const struct result *first)
{
    json_t *upload = json_copy(first->upload);
    const char *status = text_member(upload, "status", "");

    if (strcmp(status, "matched") == 0 || strcmp(status, "uploaded") == 0) {
        json_object_set_new(upload, "status", json_string("duplicate"));
        json_object_set_new(upload, "reason", json_string("same_file"));
    }
    json_object_set_new(upload, "sent", json_false());
    return upload;
}

static void count(struct scan *scan, const json_t *upload, uint64_t size_bytes)
{
    const char *status = text_member(upload, "status", "");

    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strcmp(status, words[i]) == 0) {
            scan->counts[i]++;
        }
    }
    if (json_is_true(json_object_get(upload, "sent"))) {
        scan->sent_count++;
        scan->sent_bytes += size_bytes;
    }
}

static void print_line(struct scan *scan, json_t *upload, const char *path)
{
    struct buffer *line = &scan->line;
    struct error ignored;

    line->length = 0;
    if (scan->context->json) {
        if (text_append(line, path, &ignored) == STATUS_OK) {
            json_object_set_new(upload, "path", json_string(buffer_text(line)));
        }
        command_print_json(upload);
    } else if (outcome_line(line, upload, path, &ignored) == STATUS_OK) {
        command_print(line);
    }
}

static void report(void *context, size_t i)
{
    struct scan *scan = context;
    struct result *result = &scan->results[i];
    const struct walk_file *file = &scan->walk.files[i];
    struct result *first = &scan->results[result->same_as];
    json_t *upload = NULL;

    if (result->upload != NULL) {
        upload = json_incref(result->upload);
    } else if (first != result && first->upload != NULL) {
        upload = same_file(first);
    } else {
        upload = not_sent(scan, first != result ? first : result);
    }
    progress_hide(&scan->progress);
    count(scan, upload, file->size_bytes);
    print_line(scan, upload, file->path);
    json_decref(upload);
}

static void tick(void *context, size_t done_count)
{
    struct scan *scan = context;

    pthread_mutex_lock(&scan->mutex);
    const uint64_t done_bytes = scan->done_bytes;

    pthread_mutex_unlock(&scan->mutex);
    progress_show(&scan->progress, done_count, scan->walk.count, "files",
                  done_bytes, scan->walk.total_bytes);
}

/* Setting up and ending. */

static enum status prepare(struct scan *scan, struct error *err)
{
    const struct credentials *who = &scan->sessions[0].credentials;
    char folder[CREDENTIALS_TEXT_SIZE];
    enum status status = STATUS_OK;

    for (unsigned i = 0; i < scan->connections && status == STATUS_OK; i++) {
        status = command_session(&scan->sessions[i], scan->context, err);
    }
    if (status == STATUS_OK) {
        status = session_greet(&scan->sessions[0], "/v1/me", err);
    }
    if (status == STATUS_OK) {
        status = command_state_folder(folder, sizeof(folder), err);
    }
    if (status == STATUS_OK) {
        status = sent_open(&scan->sent, folder, who->url, who->email, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    scan->results = calloc(scan->walk.count + 1, sizeof(*scan->results));
    if (scan->results == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "out of memory: scan fewer files at once");
    }
    for (size_t i = 0; i < scan->walk.count; i++) {
        scan->results[i].same_as = i;
    }
    return STATUS_OK;
}

static void keep_node(void *node)
{
    (void)node; /* the results are one array */
}

static void clear(struct scan *scan)
{
    tdestroy(scan->by_bytes, keep_node);
    for (size_t i = 0; scan->results != NULL && i < scan->walk.count; i++) {
        json_decref(scan->results[i].upload);
    }
    free(scan->results);
    walk_clear(&scan->walk);
    sent_close(scan->sent);
    for (unsigned i = 0; i < scan->connections; i++) {
        session_close(&scan->sessions[i]);
    }
    buffer_clear(&scan->line);
    pthread_cond_destroy(&scan->settled);
    pthread_mutex_destroy(&scan->mutex);
}

/* Outcomes are told on standard output, what is about the scan itself on
 * standard error: so --json has uploads only. */
static void summarise(const struct scan *scan)
{
    FILE *out = scan->context->json ? stderr : stdout;
    char size[TEXT_SHORT_SIZE];
    const char *separator = ": ";

    text_size(size, scan->sent_bytes);
    fprintf(out, "%zu file%s", scan->walk.count,
            scan->walk.count == 1 ? "" : "s");
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (scan->counts[i] > 0) {
            fprintf(out, "%s%zu %s", separator, scan->counts[i],
                    strcmp(words[i], "not_sent") == 0 ? "not sent" : words[i]);
            separator = ", ";
        }
    }
    fprintf(out, "; %zu sent (%s)", scan->sent_count, size);
    if (scan->walk.passed_over > 0) {
        fprintf(out, "; %zu passed over, not named like audio",
                scan->walk.passed_over);
    }
    (void)fputc('\n', out);
    (void)fflush(out);
}

static size_t count_of(const struct scan *scan, const char *word)
{
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strcmp(words[i], word) == 0) {
            return scan->counts[i];
        }
    }
    return 0;
}

static int conclude(const struct scan *scan)
{
    const size_t open = count_of(scan, "not_sent") + count_of(scan, "error") +
                        count_of(scan, "waiting");
    struct error err;

    summarise(scan);
    if (scan->fatal.code[0] != '\0') {
        return command_fail(scan->context, &scan->fatal);
    }
    if (open > 0) {
        (void)error_set(&err, STATUS_UNAVAILABLE, "incomplete",
                        "%zu of %zu files are not settled: run the scan again; "
                        "what arrived is not sent again",
                        open, scan->walk.count);
        return command_fail(scan->context, &err);
    }
    return command_done(scan->context);
}

static int run(struct scan *scan, char *const *paths)
{
    struct error err;
    int code = EXIT_FAILED;
    enum status status = walk_files(&scan->walk, paths, name_is_audio, &err);

    if (status == STATUS_OK) {
        status = prepare(scan, &err);
    }
    if (status == STATUS_OK) {
        const struct crew crew = {.task_count = scan->walk.count,
                                  .worker_count = scan->connections,
                                  .work = work,
                                  .report = report,
                                  .tick = tick,
                                  .context = scan};

        progress_start(&scan->progress);
        status = crew_run(&crew, &err);
        progress_hide(&scan->progress);
    }
    code = status == STATUS_OK ? conclude(scan)
                               : command_fail(scan->context, &err);
    clear(scan);
    return code;
}

static error_t scan_option(int key, const char *value, void *own)
{
    struct scan *scan = own;

    if (key == OPTION_CONNECTIONS) {
        scan->connections = command_number(scan->context, "--connections",
                                           value, 1, CREW_WORKERS_MAX);
        return 0;
    }
    return ARGP_ERR_UNKNOWN;
}

int run_scan(int argc, char **argv, struct context *context)
{
    static const struct argp_option options[] = {
        {"connections", OPTION_CONNECTIONS, "N", 0,
         "Files on their way at once (default 4)", 0},
        {0}};
    struct scan scan = {.context = context,
                        .connections = CONNECTIONS_DEFAULT,
                        .mutex = PTHREAD_MUTEX_INITIALIZER,
                        .settled = PTHREAD_COND_INITIALIZER};
    const struct command_line line = {
        .arguments = "PATH...",
        .doc = "Brings songs into the library: looks through folders for files "
               "that are named like audio, sends each and tells what became of "
               "it: matched, uploaded, duplicate, ineligible. Your files are "
               "only read. A scan that was interrupted, or is run again, sends "
               "nothing twice."
               "\vWith --json each line is an upload as the API tells it, with "
               "\"path\" and \"sent\"; the summary goes to standard error.",
        .options = options,
        .option = scan_option,
        .own = &scan,
        .min_count = 1,
        .max_count = WALK_FILES_MAX};

    return run(&scan, command_parse(argc, argv, context, &line));
}
