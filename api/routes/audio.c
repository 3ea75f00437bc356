/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/log.h"
#include "api/range.h"
#include "api/routes/disposition.h"
#include "api/routes/membership.h"
#include "api/routes/routes.h"
#include "api/routes/track_json.h"
#include "catalog/releases/masters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ETAG_HASH_DIGITS = 32, /* 128 bits tell any two files apart */
    ETAG_SIZE = ETAG_HASH_DIGITS + 4,
};

/* What is to be sent: of which size, and its strong validator. That one names
 * the bytes, so it changes when a track goes from uploaded to matched. */
struct content {
    const struct entry *entry;
    uint64_t size;
    char etag[ETAG_SIZE];
    struct range range;
};

static void set_etag(struct content *content, char kind, const char *hash)
{
    (void)snprintf(content->etag, sizeof content->etag, "\"%c%.*s\"", kind,
                   (int)ETAG_HASH_DIGITS, hash);
}

static void add_headers(const struct content *content, struct reply *reply)
{
    char name[FILENAME_SIZE];
    char disposition[DISPOSITION_SIZE];
    char part[80];
    disposition_name(name, content->entry);
    disposition_print(disposition, name);
    reply_header(reply, "ETag", content->etag);
    reply_header(reply, "Accept-Ranges", "bytes");
    reply_header(reply, "Cache-Control", "private, no-cache, no-transform");
    reply_header(reply, "Content-Disposition", disposition);
    if (content->range.kind == RANGE_PART) {
        (void)snprintf(
            part, sizeof part, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
            content->range.first, content->range.last, content->size);
        reply_header(reply, "Content-Range", part);
    }
}

static void refuse_range(const struct content *content,
                         const struct request *request, struct reply *reply)
{
    char part[40];
    struct error err = {0};
    enum status status =
        error_set(&err, STATUS_INVALID, "bad_range",
                  "the range lies outside of the file's %" PRIu64 " bytes",
                  content->size);
    reply_problem(reply, status, &err, request->id, NULL);
    (void)snprintf(part, sizeof part, "bytes */%" PRIu64, content->size);
    reply_header(reply, "Content-Range", part);
}

/* RFC 9110 §13.2.2: If-None-Match before Range with If-Range. true: answered,
 * nothing is to be opened. */
static bool answered_by_head(struct content *content,
                             const struct request *request, struct reply *reply)
{
    const char *none_match = request_header(request, "If-None-Match");
    /* RFC 9110 §14.2: a Range means something with GET only */
    const char *range =
        request->is_head ? NULL : request_header(request, "Range");
    if (none_match != NULL && range_if_none_match(none_match, content->etag)) {
        reply_empty(reply, 304);
        add_headers(content, reply);
        return true;
    }
    if (!range_if_range(request_header(request, "If-Range"), content->etag)) {
        range = NULL;
    }
    content->range = range_parse(range, content->size);
    if (content->range.kind == RANGE_UNSATISFIABLE) {
        refuse_range(content, request, reply);
        return true;
    }
    if (content->range.kind == RANGE_WHOLE) {
        content->range.first = 0;
        content->range.last = content->size - 1;
    }
    return false;
}

static unsigned http_status(const struct content *content)
{
    return content->range.kind == RANGE_PART ? 206 : 200;
}

static uint64_t part_length(const struct content *content)
{
    return content->range.last - content->range.first + 1;
}

static enum status send_master(struct request *request, struct reply *reply,
                               const struct entry *entry, struct error *err)
{
    struct recording recording;
    struct account account;
    struct content content = {.entry = entry};
    int fd = -1;
    enum status status = account_read(
        request->redis, request->principal.account_id, &account, err);
    if (status == STATUS_OK) {
        status = membership_check(&account, &request->service->config,
                                  request->now_ms, err);
    }
    if (status == STATUS_OK) {
        status = recording_read(request->redis, entry->recording_id, &recording,
                                err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    content.size = recording.size_bytes;
    set_etag(&content, 'm', recording.master_sha256);
    if (answered_by_head(&content, request, reply)) {
        return STATUS_OK;
    }
    status =
        masters_open(&fd, request->service->masters_folder, &recording, err);
    if (status == STATUS_OK) {
        reply_file(reply, http_status(&content),
                   container_media_type(recording.container), fd,
                   content.range.first, part_length(&content));
        add_headers(&content, reply);
    }
    return status;
}

/* A reader on its way out through an event loop. */
struct outflow {
    struct vault_reader *reader;
    struct log *log;
    char request_id[REQUEST_ID_SIZE];
};

static int64_t outflow_read(void *context, uint64_t offset, char *out,
                            size_t length)
{
    struct outflow *outflow = context;
    struct error err = {0};
    size_t got = 0;
    if (vault_read(outflow->reader, offset, out, length, &got, &err) !=
            STATUS_OK ||
        got == 0) {
        log_event(outflow->log, LOG_ERROR, "audio_broken_off",
                  "request_id=%s code=%s", outflow->request_id, err.code);
        return -1;
    }
    return (int64_t)got;
}

static void outflow_release(void *context)
{
    struct outflow *outflow = context;
    vault_reader_close(outflow->reader);
    free(outflow);
}

static enum status open_own(struct request *request, const struct entry *entry,
                            struct vault_reader **out, struct error *err)
{
    struct account account;
    struct buffer manifest = {0};
    uint8_t key[AES256_KEY_BYTES];
    enum status status = account_read(
        request->redis, request->principal.account_id, &account, err);
    if (status == STATUS_OK) {
        status = library_manifest(request->redis, account.id, entry->id,
                                  &manifest, err);
    }
    if (status == STATUS_OK) {
        status = keyring_unwrap(request->service->keyring, key,
                                account.wrapped_key, err);
    }
    if (status == STATUS_OK) {
        const struct vault_owner owner = {.account_key = key,
                                          .account_id = account.id,
                                          .track_id = entry->id,
                                          .region = account.region};
        status = vault_reader_open(out, request->service->vault, &owner,
                                   manifest.bytes, manifest.length, err);
    }
    crypto_wipe(key, sizeof key);
    buffer_clear(&manifest);
    return status;
}

static enum status stream_own(const struct request *request,
                              struct reply *reply,
                              const struct content *content,
                              struct vault_reader *reader, struct error *err)
{
    struct outflow *outflow = calloc(1, sizeof *outflow);
    if (outflow == NULL) {
        vault_reader_close(reader);
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory to send a song: try later");
    }
    outflow->reader = reader;
    outflow->log = request->service->log;
    memcpy(outflow->request_id, request->id, sizeof outflow->request_id);
    reply_stream(reply, http_status(content),
                 container_media_type(content->entry->container), outflow_read,
                 outflow_release, outflow, content->range.first,
                 part_length(content));
    add_headers(content, reply);
    return STATUS_OK;
}

static enum status send_own(struct request *request, struct reply *reply,
                            const struct entry *entry, struct error *err)
{
    struct content content = {.entry = entry};
    struct vault_reader *reader = NULL;
    enum status status = open_own(request, entry, &reader, err);
    if (status != STATUS_OK) {
        return status;
    }
    content.size = vault_reader_size(reader);
    set_etag(&content, 'u', entry->content_id);
    if (answered_by_head(&content, request, reply)) {
        vault_reader_close(reader);
        return STATUS_OK;
    }
    return stream_own(request, reply, &content, reader, err);
}

/* GET and HEAD /v1/tracks/{id}/audio */
static enum status audio(struct request *request, struct reply *reply,
                         struct error *err)
{
    struct entry entry;
    enum status status =
        library_entry(request->redis, request->principal.account_id,
                      request->parameters[0], &entry, err);
    if (status != STATUS_OK) {
        return status;
    }
    if (entry.status == ENTRY_UPLOADED) {
        status = send_own(request, reply, &entry, err);
        if (status != STATUS_NOT_FOUND) {
            return status;
        }
        /* Its manifest went when it became matched, just now: a reader that
         * was open then goes on, this one starts with the master. */
        status = library_entry(request->redis, request->principal.account_id,
                               request->parameters[0], &entry, err);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return entry.status == ENTRY_MATCHED
               ? send_master(request, reply, &entry, err)
               : send_own(request, reply, &entry, err);
}

const struct route routes_audio[] = {
    {"GET", "/v1/tracks/{id}/audio", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP,
     audio},
    {0},
};
