/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/loader.h"

#include "catalog/releases/load_item.h"
#include "catalog/releases/masters.h"
#include "catalog/releases/plan.h"
#include "catalog/releases/writer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void load_report_clear(struct load_report *report)
{
    free(report->files);
    *report = (struct load_report){0};
}

static enum status no_memory(struct error *err)
{
    (void)error_set(err, STATUS_NO_MEMORY, "no_memory",
                    "no memory for a release: load a smaller folder");
    return STATUS_NO_MEMORY;
}

/* ---- planning: everything is looked at, nothing is written ---- */

/* A release as it is to be, and as it is. */
struct outline {
    struct release release; /* owned; no tracks: the folder has no audio */
    struct release before;  /* owned; empty: it is new */
    enum load_status status;
};

static void outline_clear(struct outline *outline)
{
    release_clear(&outline->release);
    release_clear(&outline->before);
}

/* Of equal files the first one counts. */
static void mark_repeats(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        for (size_t j = 0; j < i && !load->items[i].is_repeat; j++) {
            load->items[i].is_repeat =
                load->items[i].use == ITEM_AUDIO &&
                load->items[j].use == ITEM_AUDIO &&
                memcmp(load->items[i].sha256, load->items[j].sha256,
                       SHA256_BYTES) == 0;
        }
    }
}

static size_t count_audio(const struct load *load)
{
    size_t count = 0;
    for (size_t i = 0; i < load->count; i++) {
        count += load->items[i].use == ITEM_AUDIO;
    }
    return count;
}

/* The first cover is the release's; without a release it is none. */
static void choose_cover(struct load *load, struct outline *outline)
{
    bool wanted = outline->release.track_count > 0;
    for (size_t i = 0; i < load->count; i++) {
        struct load_item *item = &load->items[i];
        if (item->use == ITEM_COVER && wanted) {
            item->report.status = LOAD_COVER;
            (void)snprintf(outline->release.cover_name,
                           sizeof outline->release.cover_name, "%s",
                           item->recording.master_name);
            wanted = false;
        } else if (item->use == ITEM_COVER) {
            item->use = ITEM_NONE;
        }
    }
}

/* A recording that is new bears the names of the release that brings it. */
static void name_recording(struct recording *recording,
                           const struct plan_file *file,
                           const struct release *release)
{
    (void)snprintf(recording->title, sizeof recording->title, "%s",
                   file->title);
    (void)snprintf(recording->artist, sizeof recording->artist, "%s",
                   file->artist);
    (void)snprintf(recording->release_id, sizeof recording->release_id, "%s",
                   release->id);
    (void)snprintf(recording->release_title, sizeof recording->release_title,
                   "%s", release->title);
}

static enum status plan_audio(struct load *load, const char *shown_name,
                              struct outline *outline, struct error *err)
{
    size_t count = count_audio(load);
    if (count == 0) {
        return STATUS_OK;
    }
    struct plan_file *files = calloc(count, sizeof *files);
    if (files == NULL) {
        return no_memory(err);
    }
    size_t at = 0;
    for (size_t i = 0; i < load->count; i++) {
        struct load_item *item = &load->items[i];
        if (item->use == ITEM_AUDIO) {
            files[at].name = item->name;
            files[at].recording_id = item->recording.id;
            files[at++].tags = &item->tags;
        }
    }
    enum status status =
        plan_release(&outline->release, files, count, shown_name, err);
    at = 0;
    for (size_t i = 0; status == STATUS_OK && i < load->count; i++) {
        struct load_item *item = &load->items[i];
        if (item->use == ITEM_AUDIO) {
            if (!item->known) {
                name_recording(&item->recording, &files[at], &outline->release);
            }
            at++;
        }
    }
    free(files);
    return status;
}

static enum status compare_with_before(const struct loader *loader,
                                       struct outline *outline, int64_t now_ms,
                                       struct error *err)
{
    struct redis *redis = NULL;
    enum status status = redis_open(&redis, loader->redis_address, err);
    if (status == STATUS_OK) {
        status =
            release_read(redis, outline->release.id, &outline->before, err);
    }
    redis_close(redis);
    outline->release.loaded_ms = now_ms;
    if (status == STATUS_NOT_FOUND) {
        outline->status = LOAD_RELEASE_ADDED;
        return STATUS_OK;
    }
    if (status == STATUS_OK) {
        status = plan_merge(&outline->release, &outline->before, err);
    }
    if (status == STATUS_OK) {
        outline->status = plan_is_same(&outline->release, &outline->before)
                              ? LOAD_RELEASE_UNCHANGED
                              : LOAD_RELEASE_CHANGED;
    }
    return status;
}

static bool has_recording(const struct release *release, const char *id)
{
    for (size_t i = 0; i < release->track_count; i++) {
        if (strcmp(release->tracks[i].recording_id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void judge_files(struct load *load, const struct outline *outline)
{
    for (size_t i = 0; i < load->count; i++) {
        struct load_item *item = &load->items[i];
        if (item->use == ITEM_AUDIO) {
            item->report.status =
                has_recording(&outline->before, item->recording.id)
                    ? LOAD_UNCHANGED
                : item->known || item->is_repeat ? LOAD_LINKED
                                                 : LOAD_ADDED;
        }
    }
}

static enum status plan(struct load *load, const char *shown_name,
                        struct outline *outline, int64_t now_ms,
                        struct error *err)
{
    mark_repeats(load);
    outline->status = LOAD_RELEASE_EMPTY;
    enum status status = plan_audio(load, shown_name, outline, err);
    if (status != STATUS_OK) {
        return status;
    }
    choose_cover(load, outline);
    if (outline->release.track_count > 0) {
        status = compare_with_before(load->loader, outline, now_ms, err);
        judge_files(load, outline);
    }
    return status;
}

/* ---- writing ---- */

static enum status keep(const struct load *load, const struct outline *outline,
                        struct error *err)
{
    if (outline->status == LOAD_RELEASE_EMPTY) {
        return STATUS_OK;
    }
    enum status status = masters_prepare(load->loader->masters_folder, err);
    if (status == STATUS_OK) {
        status = load_run(load, load_item_keep, err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    /* what is unchanged is written, too: a master that went missing comes
     * back, and a release that a crash kept off the list comes onto it */
    struct redis *redis = NULL;
    status = redis_open(&redis, load->loader->redis_address, err);
    if (status == STATUS_OK) {
        status = release_store(redis, &outline->release, err);
    }
    redis_close(redis);
    return status;
}

static enum status report(struct load_report *out, const struct load *load,
                          const struct outline *outline, struct error *err)
{
    out->status = outline->status;
    (void)snprintf(out->release_id, sizeof out->release_id, "%s",
                   outline->release.id);
    (void)snprintf(out->title, sizeof out->title, "%s", outline->release.title);
    (void)snprintf(out->artist, sizeof out->artist, "%s",
                   outline->release.artist);
    out->files = calloc(load->count + 1, sizeof *out->files);
    if (out->files == NULL) {
        return no_memory(err);
    }
    out->file_count = load->count;
    for (size_t i = 0; i < load->count; i++) {
        out->files[i] = load->items[i].report;
    }
    return STATUS_OK;
}

static void load_clear(struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        load_item_clear(&load->items[i]);
    }
    free(load->items);
    if (load->folder_fd >= 0) {
        (void)close(load->folder_fd);
    }
}

enum status loader_load(struct load_report *out, const struct loader *loader,
                        const char *folder, const char *shown_name,
                        bool dry_run, int64_t now_ms, struct error *err)
{
    assert(loader->thread_count > 0);
    *out = (struct load_report){0};
    struct outline outline = {0};
    struct load load = {.loader = loader};
    enum status status = STATUS_OK;
    load.folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (load.folder_fd < 0) {
        status = error_set(err, STATUS_INVALID, "bad_folder",
                           "cannot open the folder of the release (%s): give "
                           "a folder that exists and may be read",
                           strerror(errno));
        goto out;
    }
    status = load_scan(&load, err);
    if (status == STATUS_OK) {
        status = load_run(&load, load_item_look, err);
    }
    if (status == STATUS_OK) {
        status = plan(&load, shown_name, &outline, now_ms, err);
    }
    if (status == STATUS_OK && !dry_run) {
        status = keep(&load, &outline, err);
    }
    if (status == STATUS_OK) {
        status = report(out, &load, &outline, err);
    }
out:
    if (status != STATUS_OK) {
        load_report_clear(out);
    }
    outline_clear(&outline);
    load_clear(&load);
    return status;
}
