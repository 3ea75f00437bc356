/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/audit.h"
#include "api/routes/release_tar.h"
#include "api/routes/routes.h"
#include "api/routes/track_json.h"
#include "api/stash.h"
#include "catalog/releases/loader.h"
#include "catalog/releases/takedown.h"
#include "matcher/utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PAGE_DEFAULT = 100,
    PAGE_MAX = 500,
    /* Beside the audio: covers, booklets, logs that are skipped. */
    EXTRA_FILES_MAX = 100,
};

static json_t *file_json(const struct load_file *file)
{
    static const char *const words[] = {
        [LOAD_ADDED] = "added",     [LOAD_UNCHANGED] = "unchanged",
        [LOAD_LINKED] = "linked",   [LOAD_COVER] = "cover",
        [LOAD_SKIPPED] = "skipped", [LOAD_FAILED] = "failed",
    };
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", file->name,
                     "status", words[file->status], "reason",
                     text_json(file->reason), "detail", text_json(file->detail),
                     "recording_id", text_json(file->recording_id),
                     "duration_ms", count_json(file->duration_ms));
}

static json_t *report_json(const struct load_report *report, bool dry_run)
{
    static const char *const words[] = {
        [LOAD_RELEASE_ADDED] = "added",
        [LOAD_RELEASE_CHANGED] = "changed",
        [LOAD_RELEASE_UNCHANGED] = "unchanged",
        [LOAD_RELEASE_EMPTY] = "empty",
    };
    json_t *files = json_array();
    for (size_t i = 0; i < report->file_count; i++) {
        list_json_add(&files, file_json(&report->files[i]));
    }
    return json_pack("{s:o, s:s, s:o, s:o, s:b, s:o}", "release_id",
                     text_json(report->release_id), "status",
                     words[report->status], "title", text_json(report->title),
                     "artist", text_json(report->artist), "dry_run",
                     (int)dry_run, "files", files);
}

/* The operator's name of the folder: only a name for missing tags, never a
 * path. */
static enum status read_folder(const struct request *request,
                               char out[LOAD_NAME_SIZE], struct error *err)
{
    const char *folder = request_query(request, "folder");
    if (folder != NULL) {
        utf8_copy(out, LOAD_NAME_SIZE, folder, strlen(folder));
    }
    if (folder == NULL || out[0] == '\0') {
        return error_set(err, STATUS_INVALID, "bad_parameter",
                         "folder is missing: give the release folder's name");
    }
    return STATUS_OK;
}

static enum status unpack(const struct request *request, const char *folder,
                          struct error *err)
{
    const struct release_tar_limits limits = {
        .file_count = LOADER_MAX_FILES + EXTRA_FILES_MAX,
        .bytes = request->service->config.release_max_bytes,
    };
    if (request->body_bytes == 0) {
        return error_set(err, STATUS_INVALID, "empty",
                         "the request has no body: send the files of one "
                         "folder as a tar archive");
    }
    if (lseek(request->body_fd, 0, SEEK_SET) != 0) {
        return error_set(err, STATUS_UNAVAILABLE, "spool_write",
                         "cannot read the body again (%s): check the disk of "
                         "the spool folder",
                         strerror(errno));
    }
    return release_tar_unpack(request->body_fd, folder, &limits, err);
}

static unsigned thread_count(const struct config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return config->matchers > 0 ? config->matchers
           : cores > 0          ? (unsigned)cores
                                : 1;
}

static enum status load(const struct request *request, const char *folder,
                        struct load_report *report, bool dry_run,
                        struct error *err)
{
    const struct service *service = request->service;
    char name[LOAD_NAME_SIZE];
    const struct loader loader = {
        .redis_address = service->redis_address,
        .masters_folder = service->masters_folder,
        .decoders = service->decoders,
        .thread_count = thread_count(&service->config),
    };
    enum status status = read_folder(request, name, err);
    if (status == STATUS_OK) {
        status = unpack(request, folder, err);
    }
    if (status == STATUS_OK) {
        status = loader_load(report, &loader, folder, name, dry_run,
                             request->now_ms, err);
    }
    return status;
}

static enum status load_audited(struct request *request, struct reply *reply,
                                struct audit *audit, struct error *err)
{
    char folder[STASH_PATH_SIZE];
    uint64_t dry_run = 0;
    struct load_report report = {0};
    enum status status =
        request_number(request, "dry_run", 0, 1, 0, &dry_run, err);
    if (status == STATUS_OK) {
        status =
            stash_release_make(request->service->spool_folder, folder, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    status = load(request, folder, &report, dry_run == 1, err);
    stash_release_remove(folder);
    if (status == STATUS_OK) {
        memcpy(audit->target, report.release_id, sizeof audit->target);
        reply_json(reply, 200, report_json(&report, dry_run == 1));
    }
    load_report_clear(&report);
    return status;
}

/* POST /v1/admin/releases?folder=NAME&dry_run=1, body: tar of one folder */
static enum status load_release(struct request *request, struct reply *reply,
                                struct error *err)
{
    return audit_call(request, reply, load_audited, err);
}

static json_t *release_json(const struct release *release)
{
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:I}", "release_id",
                     release->id, "title", text_json(release->title), "artist",
                     text_json(release->artist), "barcode",
                     text_json(release->barcode), "date",
                     text_json(release->date), "loaded_at",
                     time_json(release->loaded_ms), "track_count",
                     (json_int_t)release->track_count);
}

static enum status list_audited(struct request *request, struct reply *reply,
                                struct audit *audit, struct error *err)
{
    uint64_t cursor = 0;
    uint64_t limit = 0;
    uint64_t next = 0;
    struct release *releases = NULL;
    size_t count = 0;
    (void)audit;
    enum status status =
        request_number(request, "cursor", 0, INT64_MAX, 0, &cursor, err);
    if (status == STATUS_OK) {
        status = request_number(request, "limit", 1, PAGE_MAX, PAGE_DEFAULT,
                                &limit, err);
    }
    if (status == STATUS_OK) {
        status = release_list(request->redis, cursor, (uint32_t)limit,
                              &releases, &count, &next, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        list_json_add(&array, release_json(&releases[i]));
    }
    free(releases);
    reply_json(
        reply, 200,
        json_pack("{s:o, s:o}", "releases", array, "next", cursor_json(next)));
    return STATUS_OK;
}

/* GET /v1/admin/releases?cursor=&limit= */
static enum status list(struct request *request, struct reply *reply,
                        struct error *err)
{
    return audit_call(request, reply, list_audited, err);
}

static json_t *recording_json(const struct recording *recording)
{
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:s, s:s, s:I}",
        "recording_id", recording->id, "title", text_json(recording->title),
        "artist", text_json(recording->artist), "isrc",
        text_json(recording->isrc), "advisory",
        advisory_json(recording->advisory), "duration_ms",
        count_json(recording->duration_ms), "release_id", recording->release_id,
        "release_title", text_json(recording->release_title), "master_sha256",
        recording->master_sha256, "content_type",
        container_media_type(recording->container), "size_bytes",
        (json_int_t)recording->size_bytes);
}

/* A recording with its place on the release; *out is NULL when it was taken
 * down. */
static enum status track_on_release(struct redis *redis,
                                    const struct release_track *track,
                                    json_t **out, struct error *err)
{
    struct recording recording;
    struct error none = {0};
    enum status status =
        recording_read(redis, track->recording_id, &recording, &none);
    *out = NULL;
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        *err = none;
        return status;
    }
    *out = json_pack("{s:o, s:o}", "disc", count_json(track->disc), "track",
                     count_json(track->track));
    json_t *sound = recording_json(&recording);
    if (*out == NULL || sound == NULL || json_object_update(*out, sound) != 0) {
        json_decref(*out);
        *out = NULL;
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "no memory to show a release: try later");
    }
    json_decref(sound);
    return status;
}

static enum status show_release(struct request *request, struct reply *reply,
                                const struct release *release,
                                struct error *err)
{
    json_t *tracks = json_array();
    for (size_t i = 0; i < release->track_count; i++) {
        json_t *track = NULL;
        enum status status =
            track_on_release(request->redis, &release->tracks[i], &track, err);
        if (status != STATUS_OK) {
            json_decref(tracks);
            return status;
        }
        if (track != NULL) {
            list_json_add(&tracks, track);
        }
    }
    json_t *body = release_json(release);
    if (body == NULL || json_object_set_new(body, "tracks", tracks) != 0) {
        json_decref(body);
        body = NULL;
    }
    reply_json(reply, 200, body);
    return STATUS_OK;
}

static enum status show_audited(struct request *request, struct reply *reply,
                                struct audit *audit, struct error *err)
{
    const char *id = request->parameters[0];
    struct release release = {0};
    struct recording recording;
    memcpy(audit->target, id, sizeof audit->target);
    enum status status = recording_read(request->redis, id, &recording, err);
    if (status == STATUS_OK) {
        reply_json(reply, 200, recording_json(&recording));
        return STATUS_OK;
    }
    if (status == STATUS_NOT_FOUND) {
        status = release_read(request->redis, id, &release, err);
    }
    if (status == STATUS_OK) {
        status = show_release(request, reply, &release, err);
    }
    release_clear(&release);
    return status;
}

/* GET /v1/admin/releases/{id}: a release's id, or a recording's */
static enum status show(struct request *request, struct reply *reply,
                        struct error *err)
{
    return audit_call(request, reply, show_audited, err);
}

static enum status take_down_audited(struct request *request,
                                     struct reply *reply, struct audit *audit,
                                     struct error *err)
{
    const char *id = request->parameters[0];
    struct taken_down down = {.recording_count = 1};
    memcpy(audit->target, id, sizeof audit->target);
    enum status status = recording_take_down(request->redis, id, err);
    if (status == STATUS_NOT_FOUND) {
        status = release_take_down(request->redis, id, &down, err);
    }
    if (status == STATUS_OK) {
        reply_json(reply, 200,
                   json_pack("{s:s, s:I, s:I}", "id", id, "recordings",
                             (json_int_t)down.recording_count, "kept",
                             (json_int_t)down.kept_count));
    }
    return status;
}

/* DELETE /v1/admin/releases/{id}: likewise */
static enum status take_down(struct request *request, struct reply *reply,
                             struct error *err)
{
    return audit_call(request, reply, take_down_audited, err);
}

const struct route routes_admin_releases[] = {
    {"POST", "/v1/admin/releases", ROLE_OPERATOR, BODY_FILE, SPEED_SLOW,
     load_release},
    {"GET", "/v1/admin/releases", ROLE_OPERATOR, BODY_NONE, SPEED_LOOP, list},
    {"GET", "/v1/admin/releases/{id}", ROLE_OPERATOR, BODY_NONE, SPEED_SLOW,
     show},
    {"DELETE", "/v1/admin/releases/{id}", ROLE_OPERATOR, BODY_NONE, SPEED_SLOW,
     take_down},
    {0},
};
