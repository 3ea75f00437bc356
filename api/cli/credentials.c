/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/credentials.h"

#include "api/cli/files.h"
#include "api/cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { VERSION = 1 };

static enum status path_of(char out[PATH_MAX], const char *folder,
                           const char *name, struct error *err)
{
    if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX) {
        return error_set(err, STATUS_INVALID, "long_path",
                         "the path of %s is too long: set XDG_CONFIG_HOME",
                         name);
    }
    return STATUS_OK;
}

/* An empty list when there is no file yet. */
static enum status read_all(json_t **out, const char *folder, struct error *err)
{
    char path[PATH_MAX];
    struct buffer bytes = {0};
    enum status status = path_of(path, folder, "credentials.json", err);

    if (status != STATUS_OK) {
        return status;
    }
    status = files_read(&bytes, path, CREDENTIALS_MAX_BYTES, err);
    if (status == STATUS_NOT_FOUND) {
        *out = json_array();
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return status;
    }
    json_t *root = json_loadb((const char *)bytes.bytes, bytes.length, 0, NULL);
    json_t *services = json_object_get(root, "services");

    if (text_integer(root, "version", 0) != VERSION ||
        !json_is_array(services)) {
        status = error_set(err, STATUS_CORRUPT, "bad_credentials",
                           "%s is damaged or from another version: remove it "
                           "and sign in again",
                           path);
    } else {
        *out = json_incref(services);
    }
    json_decref(root);
    buffer_wipe(&bytes);
    return status;
}

static enum status write_all(const json_t *services, const char *folder,
                             struct error *err)
{
    char path[PATH_MAX];
    enum status status = path_of(path, folder, "credentials.json", err);

    if (status != STATUS_OK) {
        return status;
    }
    json_t *root =
        json_pack("{s:i, s:O}", "version", VERSION, "services", services);
    char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;

    if (text == NULL) {
        status = error_set(err, STATUS_NO_MEMORY, "no_memory",
                           "out of memory: close other programs");
    } else {
        status = files_replace(path, text, strlen(text), err);
        explicit_bzero(text, strlen(text));
    }
    free(text);
    json_decref(root);
    return status;
}

static json_t *find(const json_t *services, const char *url)
{
    size_t i;
    json_t *service;

    json_array_foreach(services, i, service)
    {
        if (url == NULL || strcmp(text_member(service, "url", ""), url) == 0) {
            return service;
        }
    }
    return NULL;
}

static void drop(json_t *services, const char *url)
{
    for (size_t i = json_array_size(services); i > 0; i--) {
        const json_t *service = json_array_get(services, i - 1);

        if (strcmp(text_member(service, "url", ""), url) == 0) {
            json_array_remove(services, i - 1);
        }
    }
}

#define TAKE(out, service, member)                                             \
    snprintf((out)->member, sizeof((out)->member), "%s",                       \
             text_member(service, #member, ""))

enum status credentials_load(struct credentials *out, const char *folder,
                             const char *url, struct error *err)
{
    json_t *services = NULL;
    enum status status = read_all(&services, folder, err);

    if (status != STATUS_OK) {
        return status;
    }
    const json_t *service = find(services, url);

    if (service == NULL) {
        status = error_set(err, STATUS_NOT_FOUND, "signed_out",
                           "not signed in%s%s: run refrain login EMAIL first",
                           url != NULL ? " to " : "", url != NULL ? url : "");
    } else {
        TAKE(out, service, url);
        TAKE(out, service, email);
        TAKE(out, service, device_id);
        TAKE(out, service, device_name);
        TAKE(out, service, access_token);
        TAKE(out, service, refresh_token);
        out->access_until_s = text_integer(service, "access_until", 0);
    }
    json_decref(services);
    return status;
}

enum status credentials_lock(int *out_fd, const char *folder, struct error *err)
{
    char path[PATH_MAX];
    enum status status = files_make_folder(folder, err);

    if (status == STATUS_OK) {
        status = path_of(path, folder, "credentials.lock", err);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    /* flock, not fcntl: it also keeps threads of one program apart. */
    if (fd < 0 || flock(fd, LOCK_EX) != 0) {
        status = error_set(err, STATUS_UNAVAILABLE, "no_credentials",
                           "cannot lock %s (%s): check the folder's owner and "
                           "mode",
                           path, strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return status;
    }
    *out_fd = fd;
    return STATUS_OK;
}

void credentials_unlock(int fd)
{
    close(fd);
}

enum status credentials_save(const struct credentials *credentials,
                             const char *folder, struct error *err)
{
    json_t *services = NULL;
    enum status status = read_all(&services, folder, err);

    if (status != STATUS_OK) {
        return status;
    }
    drop(services, credentials->url);
    json_t *service = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:s}", "url", credentials->url, "email",
        credentials->email, "device_id", credentials->device_id, "device_name",
        credentials->device_name, "access_token", credentials->access_token,
        "access_until", (json_int_t)credentials->access_until_s,
        "refresh_token", credentials->refresh_token);

    if (json_array_insert_new(services, 0, service) != 0) {
        status = error_set(err, STATUS_INVALID, "bad_credentials",
                           "what is to be kept is no text: check the e-mail "
                           "address and the device's name");
    } else {
        status = write_all(services, folder, err);
    }
    json_decref(services);
    return status;
}

enum status credentials_forget(const char *url, const char *folder,
                               struct error *err)
{
    json_t *services = NULL;
    enum status status = read_all(&services, folder, err);

    if (status == STATUS_OK) {
        drop(services, url);
        status = write_all(services, folder, err);
        json_decref(services);
    }
    return status;
}
