/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/catalog.h"

#include <assert.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 64, THREADS = 3 };

extern char **environ;

struct decoder_pool *test_catalog_decoders(void)
{
    struct decoder_pool *decoders = NULL;
    char program[512];
    const char *bin = getenv("REFRAIN_BIN");
    assert(bin != NULL);
    (void)snprintf(program, sizeof program, "%s/refrain-decoder", bin);
    enum status status = decoder_pool_open(&decoders, program, THREADS, NULL);
    assert(status == STATUS_OK);
    return decoders;
}

void test_catalog_start(struct test_catalog *catalog)
{
    *catalog = (struct test_catalog){0};
    test_redis_start(&catalog->server);
    catalog->redis = test_redis_open(&catalog->server);
    catalog->decoders = test_catalog_decoders();
    (void)snprintf(catalog->folder, sizeof catalog->folder, "%s/release",
                   catalog->server.folder);
    (void)snprintf(catalog->masters, sizeof catalog->masters, "%s/masters",
                   catalog->server.folder);
    int bad = mkdir(catalog->folder, 0700);
    assert(bad == 0);
    catalog->loader = (struct loader){catalog->server.address, catalog->masters,
                                      catalog->decoders, THREADS};
}

void test_catalog_stop(struct test_catalog *catalog)
{
    decoder_pool_close(catalog->decoders);
    redis_close(catalog->redis);
    test_redis_stop(&catalog->server);
}

static void run(char *const *arguments)
{
    pid_t pid = 0;
    int bad = posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, environ);
    assert(bad == 0);
    int status = 0;
    pid_t ended = waitpid(pid, &status, 0);
    assert(ended == pid);
    assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void test_catalog_clip(const struct test_catalog *catalog, const char *name,
                       unsigned seed, const char *const *tags)
{
    char source[96];
    char path[512];
    (void)snprintf(source, sizeof source,
                   "anoisesrc=duration=6:color=pink:sample_rate=44100:seed=%u",
                   seed);
    (void)snprintf(path, sizeof path, "%s/%s", catalog->folder, name);
    char *arguments[ARGUMENTS_MAX] = {
        "ffmpeg",    "-nostdin", "-v",       "error", "-y",
        "-f",        "lavfi",    "-i",       source,  "-fflags",
        "+bitexact", "-flags:a", "+bitexact"};
    size_t count = 13;
    for (; *tags != NULL; tags++) {
        assert(count + 4 < ARGUMENTS_MAX);
        arguments[count++] = "-metadata";
        arguments[count++] = (char *)*tags;
    }
    arguments[count++] = path;
    run(arguments);
}

void test_catalog_file(const struct test_catalog *catalog, const char *name,
                       const void *bytes, size_t length)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", catalog->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert(fd >= 0);
    ssize_t written = write(fd, bytes, length);
    assert(written == (ssize_t)length);
    int bad = close(fd);
    assert(bad == 0);
}

static struct redis_reply *ask(struct redis *redis, const char *command,
                               const char *argument)
{
    struct redis_reply *reply = NULL;
    const struct redis_arg args[] = {redis_text(command), redis_text(argument)};
    enum status status = redis_call(redis, &reply, args, 2, NULL);
    assert(status == STATUS_OK);
    return reply;
}

static void append(struct buffer *out, const void *bytes, size_t length)
{
    enum status status = buffer_append(out, bytes, length, NULL);
    assert(status == STATUS_OK);
}

/* A text and, in a list of two by two, what belongs to it. */
struct pair {
    const char *name;
    const struct redis_reply *value; /* NULL: none */
};

static int compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left;
    const struct pair *b = right;
    return strcmp(a->name, b->name);
}

static struct pair *pairs_of(const struct redis_reply *list, size_t step)
{
    size_t count = redis_reply_count(list) / step;
    struct pair *pairs = calloc(count + 1, sizeof *pairs);
    assert(pairs != NULL);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        pairs[i].name =
            redis_reply_bytes(redis_reply_at(list, i * step), &length);
        pairs[i].value = step == 2 ? redis_reply_at(list, i * 2 + 1) : NULL;
    }
    qsort(pairs, count, sizeof *pairs, compare_pairs);
    return pairs;
}

/* DUMP of a hash depends on its past: its fields are put in order instead. */
static void append_hash(struct buffer *out, const struct redis_reply *hash)
{
    struct pair *pairs = pairs_of(hash, 2);
    for (size_t i = 0; i < redis_reply_count(hash) / 2; i++) {
        size_t length = 0;
        const char *bytes = redis_reply_bytes(pairs[i].value, &length);
        append(out, pairs[i].name, strlen(pairs[i].name) + 1);
        append(out, bytes, length);
    }
    free(pairs);
}

static void append_key(struct buffer *out, struct redis *redis, const char *key)
{
    struct redis_reply *type = ask(redis, "TYPE", key);
    size_t length = 0;
    const char *name = redis_reply_bytes(type, &length);
    bool is_hash = strcmp(name, "hash") == 0;
    struct redis_reply *value = ask(redis, is_hash ? "HGETALL" : "DUMP", key);
    append(out, key, strlen(key) + 1);
    if (is_hash) {
        append_hash(out, value);
    } else {
        const char *bytes = redis_reply_bytes(value, &length);
        append(out, bytes, length);
    }
    redis_reply_free(value);
    redis_reply_free(type);
}

struct buffer test_catalog_dump(const struct test_catalog *catalog)
{
    struct buffer out = {0};
    struct redis_reply *keys = ask(catalog->redis, "KEYS", "*");
    struct pair *pairs = pairs_of(keys, 1);
    for (size_t i = 0; i < redis_reply_count(keys); i++) {
        append_key(&out, catalog->redis, pairs[i].name);
    }
    free(pairs);
    redis_reply_free(keys);
    return out;
}
