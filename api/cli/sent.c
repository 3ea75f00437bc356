/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/sent.h"

#include "api/cli/files.h"
#include "api/cli/text.h"
#include "catalog/id.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HASH_HEX = 2 * SHA256_BYTES };

struct line {
    uint8_t hash[SHA256_BYTES];
    char upload_id[ID_SIZE];
};
struct sent {
    pthread_mutex_t mutex;
    void *lines; /* tsearch tree of struct line */
    int fd;
    bool cut_off; /* the list ends in the middle of a line */
    char path[PATH_MAX];
};

static int by_hash(const void *left, const void *right)
{
    return memcmp(((const struct line *)left)->hash,
                  ((const struct line *)right)->hash, SHA256_BYTES);
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "out of memory: scan fewer files at once");
}

/* The newest line of a hash wins. */
static enum status keep(struct sent *sent, const struct line *line,
                        struct error *err)
{
    struct line **found = tfind(line, &sent->lines, by_hash);

    if (found != NULL) {
        **found = *line;
        return STATUS_OK;
    }
    struct line *copy = malloc(sizeof(*copy));

    if (copy == NULL) {
        return no_memory(err);
    }
    *copy = *line;
    if (tsearch(copy, &sent->lines, by_hash) == NULL) {
        free(copy);
        return no_memory(err);
    }
    return STATUS_OK;
}

/* text  one line, NUL instead of its line feed */
static bool parse(struct line *out, const char *text)
{
    char hash[HASH_HEX + 1];

    if (strlen(text) <= HASH_HEX || text[HASH_HEX] != ' ') {
        return false;
    }
    memcpy(hash, text, HASH_HEX);
    hash[HASH_HEX] = '\0';
    text += HASH_HEX + 1;
    if (!hex_decode(out->hash, SHA256_BYTES, hash) || !id_valid(text)) {
        return false;
    }
    snprintf(out->upload_id, sizeof(out->upload_id), "%s", text);
    return true;
}

static enum status read_lines(struct sent *sent, struct error *err)
{
    struct buffer bytes = {0};
    struct line line;
    enum status status = files_read(&bytes, sent->path, SENT_MAX_BYTES, err);

    if (status == STATUS_NOT_FOUND || status == STATUS_LIMIT) {
        buffer_clear(&bytes);
        return STATUS_OK;
    }
    char *rest = (char *)bytes.bytes;
    char *end = rest + bytes.length;

    while (status == STATUS_OK && rest < end) {
        char *feed = memchr(rest, '\n', (size_t)(end - rest));

        if (feed == NULL) {
            sent->cut_off = true;
            break;
        }
        *feed = '\0';
        if (parse(&line, rest)) {
            status = keep(sent, &line, err);
        }
        rest = feed + 1;
    }
    buffer_clear(&bytes);
    return status;
}

/* uploads-HASH: the folder shows neither address nor account. */
static enum status name_list(struct sent *sent, const char *folder,
                             const char *url, const char *email,
                             struct error *err)
{
    enum { NAME_BYTES = 8 };
    uint8_t hash[SHA256_BYTES];
    char name[2 * NAME_BYTES + 1];

    /* The e-mail address keyed with the address of the service. */
    crypto_hmac(hash, url, strlen(url), "sent", email, strlen(email));
    hex_encode(name, hash, NAME_BYTES);
    if (snprintf(sent->path, sizeof(sent->path), "%s/uploads-%s", folder,
                 name) >= (int)sizeof(sent->path)) {
        return error_set(err, STATUS_INVALID, "long_path",
                         "the path %s is too long: set XDG_STATE_HOME", folder);
    }
    return STATUS_OK;
}

enum status sent_open(struct sent **out, const char *folder, const char *url,
                      const char *email, struct error *err)
{
    struct sent *sent = calloc(1, sizeof(*sent));

    if (sent == NULL) {
        return no_memory(err);
    }
    pthread_mutex_init(&sent->mutex, NULL);
    sent->fd = -1;
    enum status status = name_list(sent, folder, url, email, err);

    if (status == STATUS_OK) {
        status = files_make_folder(folder, err);
    }
    if (status == STATUS_OK) {
        status = read_lines(sent, err);
    }
    if (status == STATUS_OK) {
        sent->fd =
            open(sent->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        /* What follows a line that was cut off begins a new one. */
        if (sent->fd < 0 ||
            (sent->cut_off && !files_write(sent->fd, "\n", 1))) {
            status = error_set(err, STATUS_UNAVAILABLE, "unwritable",
                               "cannot write %s (%s): check its owner and mode",
                               sent->path, strerror(errno));
        }
    }
    if (status != STATUS_OK) {
        sent_close(sent);
        return status;
    }
    *out = sent;
    return STATUS_OK;
}

void sent_close(struct sent *sent)
{
    if (sent != NULL) {
        tdestroy(sent->lines, free);
        pthread_mutex_destroy(&sent->mutex);
        if (sent->fd >= 0) {
            close(sent->fd);
        }
        free(sent);
    }
}

bool sent_find(struct sent *sent, const uint8_t hash[SHA256_BYTES],
               char upload_id[ID_SIZE])
{
    struct line wanted = {0};

    memcpy(wanted.hash, hash, SHA256_BYTES);
    pthread_mutex_lock(&sent->mutex);
    struct line **found = tfind(&wanted, &sent->lines, by_hash);

    if (found != NULL) {
        memcpy(upload_id, (*found)->upload_id, ID_SIZE);
    }
    pthread_mutex_unlock(&sent->mutex);
    return found != NULL;
}

enum status sent_note(struct sent *sent, const uint8_t hash[SHA256_BYTES],
                      const char *upload_id, struct error *err)
{
    char text[HASH_HEX + 1 + ID_SIZE + 1];
    struct line line = {0};

    assert(id_valid(upload_id));
    memcpy(line.hash, hash, SHA256_BYTES);
    snprintf(line.upload_id, sizeof(line.upload_id), "%s", upload_id);
    hex_encode(text, hash, SHA256_BYTES);
    const int length =
        HASH_HEX +
        snprintf(text + HASH_HEX, sizeof(text) - HASH_HEX, " %s\n", upload_id);
    pthread_mutex_lock(&sent->mutex);
    enum status status = keep(sent, &line, err);

    if (status == STATUS_OK && !files_write(sent->fd, text, (size_t)length)) {
        status = error_set(err, STATUS_UNAVAILABLE, "unwritable",
                           "cannot write %s (%s): check the free space",
                           sent->path, strerror(errno));
    }
    pthread_mutex_unlock(&sent->mutex);
    return status;
}
