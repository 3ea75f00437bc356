/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/releases/load_item.h"

#include "matcher/utf8.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS_MAX = 64, ITEMS_FIRST = 32 };

/* ---- the folder ---- */

static enum status bad_folder(struct error *err)
{
    (void)error_set(err, STATUS_INVALID, "bad_folder",
                    "cannot read the folder of the release (%s): give a folder "
                    "that exists and may be read",
                    strerror(errno));
    return STATUS_INVALID;
}

static bool is_folder(int folder_fd, const struct dirent *entry)
{
    struct stat status;
    return entry->d_type == DT_DIR ||
           (entry->d_type == DT_UNKNOWN &&
            fstatat(folder_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) ==
                0 &&
            S_ISDIR(status.st_mode));
}

static enum status add_item(struct load *load, size_t *room, const char *name,
                            struct error *err)
{
    if (load->count == LOADER_MAX_FILES) {
        return error_set(err, STATUS_LIMIT, "too_many_files",
                         "the folder has more than %d files: load it in parts",
                         LOADER_MAX_FILES);
    }
    if (load->count == *room) {
        size_t larger = *room == 0 ? ITEMS_FIRST : *room * 2;
        struct load_item *items =
            realloc(load->items, larger * sizeof *load->items);
        if (items == NULL) {
            return error_set(err, STATUS_NO_MEMORY, "no_memory",
                             "no memory for a release: load a smaller folder");
        }
        load->items = items;
        *room = larger;
    }
    struct load_item *item = &load->items[load->count++];
    *item = (struct load_item){0};
    size_t length = strlen(name);
    assert(length < sizeof item->name);
    memcpy(item->name, name, length + 1);
    utf8_copy(item->report.name, sizeof item->report.name, name, length);
    return STATUS_OK;
}

static int compare_names(const void *left, const void *right)
{
    const struct load_item *a = left;
    const struct load_item *b = right;
    return strcmp(a->name, b->name);
}

enum status load_scan(struct load *load, struct error *err)
{
    int own_fd = fcntl(load->folder_fd, F_DUPFD_CLOEXEC, 0);
    DIR *files = own_fd < 0 ? NULL : fdopendir(own_fd);
    if (files == NULL) {
        return bad_folder(err);
    }
    enum status status = STATUS_OK;
    size_t room = 0;
    errno = 0;
    for (const struct dirent *entry = readdir(files);
         entry != NULL && status == STATUS_OK; entry = readdir(files)) {
        if (!is_folder(load->folder_fd, entry)) {
            status = add_item(load, &room, entry->d_name, err);
        }
        errno = 0;
    }
    if (status == STATUS_OK && errno != 0) {
        status = bad_folder(err);
    }
    (void)closedir(files);
    if (status == STATUS_OK && load->count > 0) {
        qsort(load->items, load->count, sizeof *load->items, compare_names);
    }
    return status;
}

/* ---- the threads ---- */

struct crew {
    const struct load *load;
    load_step step;
    atomic_size_t next; /* item that nobody has begun */
    atomic_bool failed;
};

static void *work(void *argument)
{
    struct crew *crew = argument;
    const struct load *load = crew->load;
    struct redis *redis = NULL;
    struct error refused = {0};
    /* only notes the address; a bad one is met by each item in its turn */
    enum status opened =
        redis_open(&redis, load->loader->redis_address, &refused);
    while (!atomic_load(&crew->failed)) {
        size_t index = atomic_fetch_add(&crew->next, 1);
        if (index >= load->count) {
            break;
        }
        struct load_item *item = &load->items[index];
        item->outcome = opened;
        item->failure = refused;
        if (opened == STATUS_OK) {
            item->outcome = crew->step(load, item, redis, &item->failure);
        }
        if (item->outcome != STATUS_OK) {
            atomic_store(&crew->failed, true);
        }
    }
    redis_close(redis);
    return NULL;
}

enum status load_run(const struct load *load, load_step step, struct error *err)
{
    struct crew crew = {.load = load, .step = step};
    pthread_t threads[THREADS_MAX];
    size_t started = 0;
    size_t wanted = load->loader->thread_count < load->count
                        ? load->loader->thread_count
                        : load->count;
    wanted = wanted < THREADS_MAX ? wanted : THREADS_MAX;
    /* this thread is one of them; with fewer it takes longer, no more */
    while (started + 1 < wanted &&
           pthread_create(&threads[started], NULL, work, &crew) == 0) {
        started++;
    }
    (void)work(&crew);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < load->count; i++) {
        const struct load_item *item = &load->items[i];
        if (item->outcome != STATUS_OK) {
            if (err != NULL) {
                *err = item->failure;
                error_context(err, "%s", item->report.name);
            }
            return item->outcome;
        }
    }
    return STATUS_OK;
}
