/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/load_item.h"

#include "catalog/releases/masters.h"
#include "catalog/releases/sketches.h"
#include "catalog/releases/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two hours, the longest that is matched, of stereo at 192 kHz and 24 bits are
 * 8.3 GB; a cover of 20 MB is 20 times what shops ask for. */
static const off_t audio_max_bytes = 10LL * 1024 * 1024 * 1024;
static const off_t cover_max_bytes = 20LL * 1024 * 1024;

static void fail_file(struct load_item *item, const char *reason,
                      const char *detail)
{
    item->report.status = LOAD_FAILED;
    (void)snprintf(item->report.reason, sizeof item->report.reason, "%s",
                   reason);
    (void)snprintf(item->report.detail, sizeof item->report.detail, "%.*s",
                   (int)sizeof item->report.detail - 1, detail);
}

/* Opens a regular file; -1 when it is not one or of no use: the report says
 * which. O_NONBLOCK: a named pipe must not hold the load. */
static int open_file(int folder_fd, struct load_item *item, off_t maximum)
{
    int fd = openat(folder_fd, item->name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    if (fd < 0 && errno == ELOOP) {
        return -1; /* a symbolic link: skipped */
    }
    if (fd < 0 || fstat(fd, &status) != 0) {
        char detail[128];
        (void)snprintf(detail, sizeof detail,
                       "cannot open the file (%s): check its permissions",
                       strerror(errno));
        fail_file(item, "cannot_read", detail);
        return -1;
    }
    if (S_ISREG(status.st_mode) && status.st_size <= maximum) {
        item->recording.size_bytes = (uint64_t)status.st_size;
        return fd;
    }
    if (S_ISREG(status.st_mode)) {
        fail_file(item, "too_large",
                  "the file is larger than any that is taken: make it smaller");
    }
    (void)close(fd);
    return -1;
}

/* ---- looking ---- */

static enum status take_decoded(struct load_item *item,
                                const struct decoder *decoder,
                                struct error *err)
{
    const struct audio_facts *facts = decoder_facts(decoder);
    const struct fingerprint *print = decoder_fingerprint(decoder);
    /* a decoder is not trusted, and the container names the master */
    if (facts->container <= CONTAINER_UNKNOWN ||
        facts->container > CONTAINER_AIFF) {
        fail_file(item, "not_audio", "the file is in no container we know");
        return STATUS_OK;
    }
    item->tags = facts->tags;
    item->recording.container = facts->container;
    item->recording.duration_ms = facts->duration_ms;
    item->recording.advisory = facts->tags.advisory;
    (void)snprintf(item->recording.isrc, sizeof item->recording.isrc, "%s",
                   facts->tags.isrc);
    enum status status = fingerprint_pack(&item->print, print, err);
    if (status == STATUS_OK) {
        status = terms_for_index(&item->terms, print, err);
    }
    item->use = status == STATUS_OK ? ITEM_AUDIO : ITEM_NONE;
    return status;
}

/* A file that fails here decoded well and could still never be matched. */
static enum status draw(struct load_item *item, struct decoder *decoder,
                        struct error *err)
{
    struct error why = {0};
    enum status status = sketches_draw(&item->sketch, decoder, &why);
    if (status == STATUS_INVALID) {
        item->use = ITEM_NONE;
        fail_file(item, why.code, why.text);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        *err = why;
    }
    return status;
}

static enum status decode(const struct load *load, struct load_item *item,
                          int fd, struct error *err)
{
    struct decoder *decoder = NULL;
    struct error why = {0};
    enum status status =
        decoder_open(&decoder, load->loader->decoders, fd, &why);
    if (status == STATUS_INVALID) {
        bool is_meant = names_kind(item->name) == FILE_AUDIO ||
                        strcmp(why.code, "not_audio") != 0;
        if (is_meant) {
            fail_file(item, why.code, why.text);
        }
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        *err = why;
        return status;
    }
    status = take_decoded(item, decoder, err);
    if (status == STATUS_OK && item->use == ITEM_AUDIO) {
        status = draw(item, decoder, err);
    }
    decoder_close(decoder);
    return status;
}

/* A recording from before there were sketches, or one whose sketch was lost,
 * gets it from the file at hand. One that cannot be drawn stays as it is: who
 * needs it says so (matcher/decoder/pool.h). */
static enum status redraw(const struct load *load, struct load_item *item,
                          int fd, struct error *err)
{
    struct sketch sketch = {0};
    struct error why = {0};
    enum status status = sketches_read(&sketch, load->loader->masters_folder,
                                       item->recording.master_name, &why);
    sketch_clear(&sketch);
    if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT) {
        struct decoder *decoder = NULL;
        status = decoder_open(&decoder, load->loader->decoders, fd, &why);
        if (status == STATUS_OK) {
            status = sketches_draw(&item->sketch, decoder, &why);
        }
        decoder_close(decoder);
    }
    if (status == STATUS_OK || status == STATUS_INVALID) {
        return STATUS_OK;
    }
    *err = why;
    return status;
}

static void make_recording_id(struct load_item *item)
{
    enum { ID_BYTES = 16 };
    char hex[2 * ID_BYTES + 1];
    hex_encode(hex, item->sha256, ID_BYTES);
    (void)snprintf(item->recording.id, sizeof item->recording.id, "rec_%s",
                   hex);
    hex_encode(item->recording.master_sha256, item->sha256, SHA256_BYTES);
}

static enum status look_at_audio(const struct load *load,
                                 struct load_item *item, struct redis *redis,
                                 struct error *err)
{
    int fd = open_file(load->folder_fd, item, audio_max_bytes);
    if (fd < 0) {
        return STATUS_OK;
    }
    struct error why = {0};
    struct recording known;
    enum status status = masters_hash(fd, item->sha256, &why);
    if (status != STATUS_OK) {
        fail_file(item, "cannot_read", why.text);
        status = STATUS_OK;
        goto out;
    }
    make_recording_id(item);
    status = recording_known(redis, item->recording.id, &known, &item->tags,
                             &item->known, err);
    if (status == STATUS_OK && item->known) {
        item->recording = known;
        item->use = ITEM_AUDIO;
        status = redraw(load, item, fd, err);
    } else if (status == STATUS_OK) {
        status = decode(load, item, fd, err);
    }
    if (item->use == ITEM_AUDIO) {
        masters_name(item->recording.master_name, item->sha256,
                     masters_extension(item->recording.container));
    }
out:
    (void)close(fd);
    return status;
}

/* ISO/IEC 10918-1 B.1.1.3: SOI and a marker; PNG specification 5.2. */
static const char *image_extension(int fd)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    uint8_t head[sizeof png] = {0};
    ssize_t got = pread(fd, head, sizeof head, 0);
    if (got == sizeof head && memcmp(head, jpeg, sizeof jpeg) == 0) {
        return "jpg";
    }
    return got == sizeof head && memcmp(head, png, sizeof png) == 0 ? "png"
                                                                    : NULL;
}

static void look_at_cover(const struct load *load, struct load_item *item)
{
    int fd = open_file(load->folder_fd, item, cover_max_bytes);
    if (fd < 0) {
        return;
    }
    struct error why = {0};
    const char *extension = image_extension(fd);
    if (extension == NULL) {
        fail_file(item, "not_image",
                  "the cover is neither JPEG nor PNG: convert it, or remove "
                  "it from the folder");
    } else if (masters_hash(fd, item->sha256, &why) != STATUS_OK) {
        fail_file(item, "cannot_read", why.text);
    } else {
        item->use = ITEM_COVER;
        masters_name(item->recording.master_name, item->sha256, extension);
    }
    (void)close(fd);
}

enum status load_item_look(const struct load *load, struct load_item *item,
                           struct redis *redis, struct error *err)
{
    item->report.status = LOAD_SKIPPED;
    enum status status = STATUS_OK;
    switch (names_kind(item->name)) {
    case FILE_AUDIO:
    case FILE_UNKNOWN:
        status = look_at_audio(load, item, redis, err);
        break;
    case FILE_COVER:
        look_at_cover(load, item);
        break;
    case FILE_OTHER:
        break;
    }
    if (item->use == ITEM_AUDIO) {
        (void)snprintf(item->report.recording_id,
                       sizeof item->report.recording_id, "%s",
                       item->recording.id);
        item->report.duration_ms = item->recording.duration_ms;
    }
    return status;
}

/* ---- keeping ---- */

enum status load_item_keep(const struct load *load, struct load_item *item,
                           struct redis *redis, struct error *err)
{
    if (item->use == ITEM_NONE || item->is_repeat) {
        return STATUS_OK;
    }
    int fd = openat(load->folder_fd, item->name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return error_set(err, STATUS_CONFLICT, "file_changed",
                         "the file went away while it was loaded: load again "
                         "when the folder is complete");
    }
    enum status status =
        masters_store(load->loader->masters_folder, item->recording.master_name,
                      item->sha256, fd, err);
    (void)close(fd);
    if (status == STATUS_OK && item->sketch.length > 0) {
        status =
            sketches_store(load->loader->masters_folder,
                           item->recording.master_name, &item->sketch, err);
    }
    if (status == STATUS_OK && item->use == ITEM_AUDIO && !item->known) {
        status = recording_store(redis, &item->recording, &item->tags,
                                 &item->print, &item->terms, err);
    }
    return status;
}

void load_item_clear(struct load_item *item)
{
    buffer_clear(&item->print);
    terms_clear(&item->terms);
    buffer_clear(&item->sketch);
}
