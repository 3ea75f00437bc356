/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/log.h"
#include "api/range.h"
#include "api/routes/disposition.h"
#include "api/routes/membership.h"
#include "api/routes/routes.h"
#include "api/routes/track_json.h"
#include "catalog/releases/releases.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ETAG_HASH_DIGITS = 32, /* 128 bits tell any two files apart */
    ETAG_SIZE = ETAG_HASH_DIGITS + 4,
    FOLDER_PATH_SIZE = CONFIG_TEXT_SIZE + MASTER_NAME_SIZE + 1,
};

/* What is to be sent: of which size, and its strong validator. That one names
 * the bytes, so it changes when a track goes from uploaded to matched. */
struct sound {
    const struct entry *entry;
    uint64_t size;
    char etag[ETAG_SIZE];
    struct range range;
};

static void set_etag(struct sound *sound, char kind, const char *hash)
{
    (void)snprintf(sound->etag, sizeof sound->etag, "\"%c%.*s\"", kind,
                   (int)ETAG_HASH_DIGITS, hash);
}

static void add_headers(const struct sound *sound, struct reply *reply)
{
    char name[FILENAME_SIZE];
    char disposition[DISPOSITION_SIZE];
    char part[80];
    disposition_name(name, sound->entry);
    disposition_print(disposition, name);
    reply_header(reply, "ETag", sound->etag);
    reply_header(reply, "Accept-Ranges", "bytes");
    reply_header(reply, "Cache-Control", "private, no-cache, no-transform");
    reply_header(reply, "Content-Disposition", disposition);
    if (sound->range.kind == RANGE_PART) {
        (void)snprintf(part, sizeof part,
                       "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64,
                       sound->range.first, sound->range.last, sound->size);
        reply_header(reply, "Content-Range", part);
    }
}

static void refuse_range(const struct sound *sound,
                         const struct request *request, struct reply *reply)
{
    char part[40];
    struct error err = {0};
    enum status status = error_set(
        &err, STATUS_INVALID, "bad_range",
        "the range lies outside of the file's %" PRIu64 " bytes", sound->size);
    reply_problem(reply, status, &err, request->id, NULL);
    (void)snprintf(part, sizeof part, "bytes */%" PRIu64, sound->size);
    reply_header(reply, "Content-Range", part);
}

/* RFC 9110 §13.2.2: If-None-Match before Range with If-Range. true: answered,
 * nothing is to be opened. */
static bool answered_by_head(struct sound *sound, const struct request *request,
                             struct reply *reply)
{
    const char *none_match = request_header(request, "If-None-Match");
    /* RFC 9110 §14.2: a Range means something with GET only */
    const char *range =
        request->is_head ? NULL : request_header(request, "Range");
    if (none_match != NULL && range_if_none_match(none_match, sound->etag)) {
        reply_empty(reply, 304);
        add_headers(sound, reply);
        return true;
    }
    if (!range_if_range(request_header(request, "If-Range"), sound->etag)) {
        range = NULL;
    }
    sound->range = range_parse(range, sound->size);
    if (sound->range.kind == RANGE_UNSATISFIABLE) {
        refuse_range(sound, request, reply);
        return true;
    }
    if (sound->range.kind == RANGE_WHOLE) {
        sound->range.first = 0;
        sound->range.last = sound->size - 1;
    }
    return false;
}

static unsigned http_status(const struct sound *sound)
{
    return sound->range.kind == RANGE_PART ? 206 : 200;
}

static uint64_t part_length(const struct sound *sound)
{
    return sound->range.last - sound->range.first + 1;
}

static enum status open_master(const struct service *service,
                               const struct recording *recording, int *fd,
                               struct error *err)
{
    char path[FOLDER_PATH_SIZE];
    struct stat facts = {0};
    (void)snprintf(path, sizeof path, "%s/%s", service->masters_folder,
                   recording->master_name);
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0) {
        return error_set(err, STATUS_CORRUPT, "master_missing",
                         "cannot open the master of recording %s (%s): load "
                         "its release again",
                         recording->id, strerror(errno));
    }
    if (fstat(*fd, &facts) != 0 ||
        (uint64_t)facts.st_size != recording->size_bytes) {
        close(*fd);
        return error_set(err, STATUS_CORRUPT, "master_damaged",
                         "the master of recording %s has not its size of "
                         "%" PRIu64 " bytes: load its release again",
                         recording->id, recording->size_bytes);
    }
    return STATUS_OK;
}

static enum status send_master(struct request *request, struct reply *reply,
                               const struct entry *entry, struct error *err)
{
    struct recording recording;
    struct account account;
    struct sound sound = {.entry = entry};
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
    sound.size = recording.size_bytes;
    set_etag(&sound, 'm', recording.master_sha256);
    if (answered_by_head(&sound, request, reply)) {
        return STATUS_OK;
    }
    status = open_master(request->service, &recording, &fd, err);
    if (status == STATUS_OK) {
        reply_file(reply, http_status(&sound),
                   container_media_type(recording.container), fd,
                   sound.range.first, part_length(&sound));
        add_headers(&sound, reply);
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
                              struct reply *reply, const struct sound *sound,
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
    reply_stream(reply, http_status(sound),
                 container_media_type(sound->entry->container), outflow_read,
                 outflow_release, outflow, sound->range.first,
                 part_length(sound));
    add_headers(sound, reply);
    return STATUS_OK;
}

static enum status send_own(struct request *request, struct reply *reply,
                            const struct entry *entry, struct error *err)
{
    struct sound sound = {.entry = entry};
    struct vault_reader *reader = NULL;
    enum status status = open_own(request, entry, &reader, err);
    if (status != STATUS_OK) {
        return status;
    }
    sound.size = vault_reader_size(reader);
    set_etag(&sound, 'u', entry->content_id);
    if (answered_by_head(&sound, request, reply)) {
        vault_reader_close(reader);
        return STATUS_OK;
    }
    return stream_own(request, reply, &sound, reader, err);
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
    return entry.status == ENTRY_MATCHED
               ? send_master(request, reply, &entry, err)
               : send_own(request, reply, &entry, err);
}

const struct route routes_audio[] = {
    {"GET", "/v1/tracks/{id}/audio", ROLE_SUBSCRIBER, BODY_NONE, SPEED_LOOP,
     audio},
    {0},
};
