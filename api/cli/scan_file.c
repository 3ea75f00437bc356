/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/scan_file.h"

#include "api/cli/names.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PIECE_BYTES = 64 * 1024, KEY_SIZE = 256 };

static enum status unreadable(const char *path, struct error *err)
{
    return error_set(err, STATUS_INVALID, "unreadable",
                     "cannot read %.300s (%s): check its owner and mode",
                     name_base(path), strerror(errno));
}

enum status scan_file_hash(uint8_t out[SHA256_BYTES], const char *path,
                           struct error *err)
{
    static _Thread_local char piece[PIECE_BYTES];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = 0;

    if (fd < 0) {
        return unreadable(path, err);
    }
    struct crypto_hash *hash = crypto_hash_new();

    while ((got = read(fd, piece, sizeof(piece))) > 0) {
        crypto_hash_add(hash, piece, (size_t)got);
    }
    crypto_hash_finish(hash, out);
    const enum status status = got == 0 ? STATUS_OK : unreadable(path, err);

    close(fd);
    return status;
}

/* What is sent: the file, its hash, and the track that it is for, or "". */
struct parcel {
    const char *path;
    const uint8_t *hash;
    const char *for_track;
};

/* The file as a body. */

struct source {
    int fd;
    uint64_t size_bytes;
    uint64_t at;
};

static bool rewind_source(void *context)
{
    struct source *source = context;

    source->at = 0;
    return lseek(source->fd, 0, SEEK_SET) == 0;
}

static int64_t read_source(void *context, char *out, size_t length)
{
    struct source *source = context;
    const uint64_t left = source->size_bytes - source->at;
    const ssize_t got =
        read(source->fd, out, left < length ? (size_t)left : length);

    if (got < 0 || (got == 0 && left > 0)) {
        return CLIENT_READ_FAILED; /* got shorter meanwhile */
    }
    source->at += (uint64_t)got;
    return got;
}

/* Parts of the conversation. */

static bool has_status(const json_t *upload, const char *status)
{
    return strcmp(text_member(upload, "status", ""), status) == 0;
}

static enum status bad_answer(struct error *err)
{
    return error_set(err, STATUS_DENIED, "bad_answer",
                     "the service answered without an upload's id: check that "
                     "the address is Refrain's");
}

/* wait_s  how long the service may hold the answer back for the outcome */
static enum status fetch(json_t **out, struct session *session, const char *id,
                         unsigned wait_s, struct error *err)
{
    char path[64 + ID_SIZE];

    snprintf(path, sizeof(path), "/v1/uploads/%s?wait=%u", id, wait_s);
    const struct client_request request = {
        .method = "GET",
        .path = path,
        .answer_timeout_s = wait_s + CLIENT_ANSWER_TIMEOUT_S};

    return session_send_patiently(session, &request, NULL, out, err);
}

/* Waits for the outcome of an upload that is safe at the service. */
static enum status await(json_t **upload, struct session *session,
                         struct error *err)
{
    const time_t began = time(NULL);
    char id[ID_SIZE];
    enum status status = STATUS_OK;

    snprintf(id, sizeof(id), "%s", text_member(*upload, "id", ""));
    while (status == STATUS_OK && has_status(*upload, "waiting") &&
           time(NULL) - began < SCAN_PATIENCE_S) {
        json_t *newer = NULL;

        status = fetch(&newer, session, id, SCAN_POLL_S, err);
        if (status == STATUS_OK) {
            json_decref(*upload);
            *upload = newer;
        }
    }
    return status;
}

/* Whether the track that came of an upload is in the library still, and does
 * not want the file as its own audio. */
static enum status find_track(bool *out, struct session *session,
                              const json_t *upload, struct error *err)
{
    const char *track = text_member(upload, "track_id", "");
    char path[64 + ID_SIZE];

    *out = false;
    if (!id_valid(track)) {
        return STATUS_OK;
    }
    snprintf(path, sizeof(path), "/v1/tracks/%s/why", track);
    const struct client_request request = {.method = "GET", .path = path};
    json_t *why = NULL;
    const enum status status =
        session_send_patiently(session, &request, NULL, &why, err);

    *out = status == STATUS_OK && !json_is_true(json_object_get(why, "wanted"));
    json_decref(why);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* The key names the bytes, so that a retry is one; and the upload that came to
 * nothing before, so that a file may be sent again on purpose. */
static void make_key(char out[KEY_SIZE], const uint8_t hash[SHA256_BYTES],
                     const char *previous_id)
{
    char hex[2 * SHA256_BYTES + 1];

    hex_encode(hex, hash, SHA256_BYTES);
    snprintf(out, KEY_SIZE, "scan-%s%s%s", hex,
             previous_id[0] != '\0' ? "-after-" : "", previous_id);
}

static enum status post_path(struct buffer *out, const char *path,
                             const char *for_track, struct error *err)
{
    struct buffer name = {0};
    enum status status = buffer_printf(out, err, "/v1/uploads?filename=");

    /* As UTF-8, whatever bytes the file's name has. */
    if (status == STATUS_OK) {
        status = text_append(&name, name_base(path), err);
    }
    if (status == STATUS_OK) {
        status = text_append_encoded(out, buffer_text(&name), err);
    }
    if (status == STATUS_OK && for_track[0] != '\0') {
        status = buffer_printf(out, err, "&track=%s", for_track);
    }
    buffer_clear(&name);
    return status;
}

static enum status post(json_t **out, struct session *session, int fd,
                        const struct parcel *parcel, const char *key,
                        struct error *err)
{
    struct source source = {.fd = fd};
    struct buffer url = {0};
    struct stat facts;

    if (fstat(fd, &facts) != 0) {
        return unreadable(parcel->path, err);
    }
    source.size_bytes = (uint64_t)facts.st_size;
    const struct client_body body = {.content_type = "application/octet-stream",
                                     .size_bytes = source.size_bytes,
                                     .read = read_source,
                                     .context = &source};
    enum status status = post_path(&url, parcel->path, parcel->for_track, err);

    if (status == STATUS_OK) {
        const struct client_request request = {.method = "POST",
                                               .path = buffer_text(&url),
                                               .body = &body,
                                               .idempotency_key = key};

        status =
            session_send_patiently(session, &request, rewind_source, out, err);
    }
    buffer_clear(&url);
    if (status == STATUS_INVALID && strcmp(err->code, "body_failed") == 0) {
        return error_set(err, STATUS_INVALID, "changed",
                         "the file changed while it was sent: scan it again");
    }
    return status;
}

/* A file that the service does not take at all is an outcome, not a failure:
 * the same words as if it had been taken in first. */
static bool is_outcome(enum status status, const char *code)
{
    static const char *const codes[] = {"too_large", "quota",     "empty",
                                        "not_audio", "too_short", "too_long"};

    if (status != STATUS_INVALID && status != STATUS_LIMIT) {
        return false;
    }
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(code, codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static enum status refused(json_t **out, struct error *err)
{
    const bool empty = strcmp(err->code, "empty") == 0;

    *out = json_pack("{s:n, s:s, s:n, s:s, s:n, s:s}", "id", "status",
                     "ineligible", "track_id", "reason",
                     empty ? "not_audio" : err->code, "match", "detail",
                     empty ? "the file is empty" : err->text);
    return *out != NULL ? STATUS_OK
                        : error_set(err, STATUS_NO_MEMORY, "no_memory",
                                    "out of memory: scan fewer files at once");
}

/* Sends the bytes and takes note of the upload's id as soon as it is known. */
static enum status send_bytes(json_t **out, struct session *session,
                              struct sent *sent, const struct parcel *parcel,
                              const char *previous_id, struct error *err)
{
    char key[KEY_SIZE];
    const int fd = open(parcel->path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return unreadable(parcel->path, err);
    }
    make_key(key, parcel->hash, previous_id);
    enum status status = post(out, session, fd, parcel, key, err);

    close(fd);
    if (is_outcome(status, err->code)) {
        return refused(out, err);
    }
    const char *id = text_member(*out, "id", "");

    if (status == STATUS_OK) {
        status = id_valid(id) ? sent_note(sent, parcel->hash, id, err)
                              : bad_answer(err);
    }
    return status;
}

/* What an earlier scan sent: *out stays NULL when it must be sent again, with
 * previous_id then the upload that came to nothing. */
static enum status recall(json_t **out, struct session *session,
                          struct sent *sent, const uint8_t hash[SHA256_BYTES],
                          char previous_id[ID_SIZE], struct error *err)
{
    json_t *upload = NULL;
    bool there = false;

    if (!sent_find(sent, hash, previous_id)) {
        previous_id[0] = '\0';
        return STATUS_OK;
    }
    enum status status = fetch(&upload, session, previous_id, 0, err);

    if (status == STATUS_OK) {
        status = await(&upload, session, err);
    }
    if (status == STATUS_OK && !has_status(upload, "waiting")) {
        status = find_track(&there, session, upload, err);
    }
    if (status == STATUS_OK && (there || has_status(upload, "waiting"))) {
        *out = json_incref(upload);
    }
    json_decref(upload);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status send_and_await(json_t **out, struct session *session,
                                  struct sent *sent,
                                  const struct parcel *parcel,
                                  char previous_id[ID_SIZE], struct error *err)
{
    enum status status =
        send_bytes(out, session, sent, parcel, previous_id, err);

    if (status != STATUS_OK || json_is_null(json_object_get(*out, "id"))) {
        return status;
    }
    /* An outcome at once is that of another device's scan with the same key.
     * Its track may be gone since; then the file is sent on purpose. */
    if (!has_status(*out, "waiting")) {
        bool there = false;

        status = find_track(&there, session, *out, err);
        if (status == STATUS_OK && !there) {
            snprintf(previous_id, ID_SIZE, "%s", text_member(*out, "id", ""));
            json_decref(*out);
            *out = NULL;
            status = send_bytes(out, session, sent, parcel, previous_id, err);
        }
    }
    return status == STATUS_OK ? await(out, session, err) : status;
}

enum status scan_file_send(json_t **out, struct session *session,
                           struct sent *sent, const char *path,
                           const uint8_t hash[SHA256_BYTES],
                           const char *for_track, struct error *err)
{
    const struct parcel parcel = {path, hash, for_track};
    char previous_id[ID_SIZE];
    bool travelled = false;

    *out = NULL;
    enum status status = recall(out, session, sent, hash, previous_id, err);

    if (status == STATUS_OK && *out == NULL) {
        travelled = true;
        status = send_and_await(out, session, sent, &parcel, previous_id, err);
    }
    if (status == STATUS_OK &&
        json_object_set_new(*out, "sent", json_boolean(travelled)) != 0) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "out of memory: scan fewer files at once");
    }
    if (status != STATUS_OK) {
        json_decref(*out);
        *out = NULL;
    }
    return status;
}
