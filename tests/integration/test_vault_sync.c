/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what vault_put() acknowledges would survive a power cut: file synced,
 * then renamed, then its folder synced; and when any of these steps fails,
 * the put fails, leaves nothing half done and syncs no failed file again.
 *
 * The test runs itself under strace(1) as "test_vault_sync put ROOT FILE" and
 * reads the trace; strace also makes the system calls fail. Skipped where
 * strace is missing or not allowed to trace. */
#include "tests/support/pattern.h"
#include "tests/support/vault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SONG_BYTES = 900000, /* three chunks with the secret of the tests */
    PATH_SIZE = PATH_MAX + 64,
    MAX_LINES = 10000,
    LINE_SIZE = 1024,
    MAX_FAULTS = 200,
};

/* --- the traced program --------------------------------------------------- */

/* Exit codes of the traced program. */
enum { RAN_OK = 0, RAN_OPEN_FAILED = 10, RAN_PUT_FAILED = 11 };

static int put_once(const char *root, const char *file)
{
    char keys[PATH_SIZE];
    char folder[PATH_SIZE];
    struct keyring *keyring = NULL;
    struct vault *vault = NULL;
    struct buffer manifest = {0};
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    int result = RAN_OPEN_FAILED;
    (void)snprintf(keys, sizeof keys, "%s/keys", root);
    (void)snprintf(folder, sizeof folder, "%s/vault", root);
    if (fd >= 0 && keyring_open(&keyring, keys, true, NULL) == STATUS_OK &&
        vault_open_folder(&vault, folder, keyring, NULL) == STATUS_OK) {
        result = vault_put(vault, &TEST_OWNER, fd, NULL, &manifest, NULL) ==
                         STATUS_OK
                     ? RAN_OK
                     : RAN_PUT_FAILED;
    }
    buffer_clear(&manifest);
    vault_close(vault);
    keyring_close(keyring);
    return result;
}

/* --- running it under strace -----------------------------------------------
 */

struct fixture {
    char root[PATH_MAX / 2];
    char file[PATH_MAX];
    char trace[PATH_MAX];
    char (*lines)[LINE_SIZE];
    size_t line_count;
    uint8_t song[SONG_BYTES];
};

/* Runs a command to its end; -1 when it cannot be started. */
static int run(char *const arguments[])
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
        (void)dup2(nowhere, STDERR_FILENO);
        (void)execvp(arguments[0], arguments);
        _exit(127);
    }
    int result = 0;
    assert_true(waitpid(child, &result, 0) == child);
    return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

static void load_trace(struct fixture *fixture)
{
    FILE *file = fopen(fixture->trace, "r");
    assert_non_null(file);
    fixture->line_count = 0;
    while (fgets(fixture->lines[fixture->line_count], LINE_SIZE, file) !=
           NULL) {
        fixture->line_count++;
        assert_true(fixture->line_count < MAX_LINES);
    }
    (void)fclose(file);
}

/* One traced put; `inject` is strace's fault or NULL. Returns its exit code. */
static int traced_put(struct fixture *fixture, const char *inject)
{
    char self[PATH_MAX] = {0};
    char fault[128];
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    (void)snprintf(fault, sizeof fault, "%s", inject == NULL ? "" : inject);
    char *arguments[] = {"strace",
                         "-f",
                         "-y",
                         "-s",
                         "0",
                         "-E",
                         "ASAN_OPTIONS=detect_leaks=0", /* needs ptrace too */
                         "-o",
                         fixture->trace,
                         "-e",
                         "trace=write,fsync,fdatasync,/^rename,unlinkat,linkat",
                         inject == NULL ? "-q" : "-e",
                         inject == NULL ? "-q" : fault,
                         self,
                         "put",
                         fixture->root,
                         fixture->file,
                         NULL};
    int result = run(arguments);
    if (result >= 0 && result != 127) {
        load_trace(fixture);
    }
    return result;
}

static bool can_trace(void)
{
    char *arguments[] = {"strace",      "-o",   "/dev/null", "-e",
                         "trace=fsync", "true", NULL};
    return run(arguments) == 0;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->lines = calloc(MAX_LINES, LINE_SIZE);
    assert_non_null(fixture->lines);
    const char *base = getenv("TMPDIR");
    (void)snprintf(fixture->root, sizeof fixture->root,
                   "%s/refrain-sync.XXXXXX", base == NULL ? "/tmp" : base);
    assert_non_null(mkdtemp(fixture->root));
    (void)snprintf(fixture->file, sizeof fixture->file, "%s/song",
                   fixture->root);
    (void)snprintf(fixture->trace, sizeof fixture->trace, "%s/trace",
                   fixture->root);
    pattern_fill(fixture->song, sizeof fixture->song, 5);
    test_write_file(fixture->file, fixture->song, sizeof fixture->song);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    char *arguments[] = {"rm", "-rf", "--", fixture->root, NULL};
    assert_int_equal(run(arguments), 0);
    free(fixture->lines);
    free(fixture);
    return 0;
}

static void need_strace(void)
{
    if (!can_trace()) {
        print_message("strace is missing or may not trace here\n");
        skip();
    }
}

/* --- reading the trace -----------------------------------------------------
 */

static bool starts_call(const char *line, const char *call)
{
    const char *space = strchr(line, ' '); /* behind the pid */
    return space != NULL &&
           strncmp(space + strspn(space, " "), call, strlen(call)) == 0;
}

static bool succeeded(const char *line)
{
    return strstr(line, " = 0") != NULL;
}

/* Is there such a successful call whose path ends so, in [from, to)? */
static bool has_call(const struct fixture *fixture, size_t from, size_t to,
                     const char *call, const char *path_end)
{
    char wanted[PATH_SIZE];
    (void)snprintf(wanted, sizeof wanted, "%s>", path_end);
    for (size_t i = from; i < to; i++) {
        if (starts_call(fixture->lines[i], call) &&
            strstr(fixture->lines[i], wanted) != NULL &&
            (succeeded(fixture->lines[i]) || strcmp(call, "write(") == 0)) {
            return true;
        }
    }
    return false;
}

/* Line of the first successful call on such a path; line_count when none. */
static size_t find_call(const struct fixture *fixture, const char *call,
                        const char *path_end)
{
    for (size_t i = 0; i < fixture->line_count; i++) {
        if (has_call(fixture, i, i + 1, call, path_end)) {
            return i;
        }
    }
    return fixture->line_count;
}

/* renameat(FD<…/tmp>, "put_x", FD<…/vault>, "ab/abcd…") → its two names. With
 * -s 0 strace shortens data but not names. */
static void parse_rename(const char *line, char tmp[LINE_SIZE],
                         char folder[LINE_SIZE])
{
    const char *first = strchr(line, '"');
    assert_non_null(first);
    const char *first_end = strchr(first + 1, '"');
    assert_non_null(first_end);
    const char *second = strchr(first_end + 1, '"');
    assert_non_null(second);
    (void)snprintf(tmp, LINE_SIZE, "/tmp/%.*s", (int)(first_end - first - 1),
                   first + 1);
    (void)snprintf(folder, LINE_SIZE, "/vault/%.2s", second + 1);
}

static void file_then_rename_then_folder(void **state)
{
    struct fixture *fixture = *state;
    need_strace();
    assert_int_equal(traced_put(fixture, NULL), RAN_OK);
    size_t renames = 0;
    for (size_t i = 0; i < fixture->line_count; i++) {
        if (!starts_call(fixture->lines[i], "rename")) {
            continue;
        }
        char tmp[LINE_SIZE];
        char folder[LINE_SIZE];
        parse_rename(fixture->lines[i], tmp, folder);
        size_t synced = find_call(fixture, "fsync(", tmp);
        assert_true(succeeded(fixture->lines[i]));
        assert_true(has_call(fixture, 0, synced, "write(", tmp));
        assert_true(synced < i); /* the file, before */
        assert_false(
            has_call(fixture, synced, fixture->line_count, "write(", tmp));
        assert_true(has_call(fixture, i + 1, fixture->line_count, "fsync(",
                             folder)); /* the folder, after */
        renames++;
    }
    assert_true(renames >= 1);
}

static void the_folders_themselves_are_synced(void **state)
{
    struct fixture *fixture = *state;
    need_strace();
    assert_int_equal(traced_put(fixture, NULL), RAN_OK);
    size_t root = find_call(fixture, "fsync(", "/vault");
    size_t parent = find_call(fixture, "fsync(", fixture->root);
    size_t keys = find_call(fixture, "fsync(", "/keys");
    assert_true(root < fixture->line_count);
    assert_true(parent < fixture->line_count);
    assert_true(keys < fixture->line_count);
    /* a secret is synced before it gets its name, and its folder after */
    size_t links = 0;
    for (size_t i = 0; i < fixture->line_count; i++) {
        if (starts_call(fixture->lines[i], "linkat(")) {
            links++;
            assert_true(i < keys);
            assert_true(starts_call(fixture->lines[i - 1], "fsync("));
        }
    }
    assert_int_equal(links, 2);
}

/* What is there already may stem from a put that died before the last step. */
static void an_existing_object_is_synced_with_its_folder(void **state)
{
    struct fixture *fixture = *state;
    char folder[PATH_SIZE];
    struct test_objects objects;
    need_strace();
    assert_int_equal(traced_put(fixture, NULL), RAN_OK);
    assert_int_equal(traced_put(fixture, NULL), RAN_OK);
    assert_true(find_call(fixture, "rename", "") == fixture->line_count);
    (void)snprintf(folder, sizeof folder, "%s/vault", fixture->root);
    test_objects_list(&objects, folder);
    assert_true(objects.count >= 1);
    for (size_t i = 0; i < objects.count; i++) {
        size_t object = find_call(fixture, "fsync(", objects.paths[i]);
        *strrchr(objects.paths[i], '/') = '\0';
        assert_true(object < fixture->line_count);
        assert_true(has_call(fixture, object, fixture->line_count, "fsync(",
                             objects.paths[i]));
    }
    test_objects_clear(&objects);
}

/* --- making calls fail -------------------------------------------------------
 */

/* A file whose sync failed is not synced again, and not renamed. */
static void expect_given_up(const struct fixture *fixture)
{
    for (size_t i = 0; i < fixture->line_count; i++) {
        const char *line = fixture->lines[i];
        const char *name = strstr(line, "/vault/tmp/put_");
        if (!starts_call(line, "fsync(") || strstr(line, "INJECTED") == NULL ||
            name == NULL) {
            continue;
        }
        char wanted[LINE_SIZE];
        name += strlen("/vault/tmp/");
        (void)snprintf(wanted, sizeof wanted, "%.*s", (int)strcspn(name, ">"),
                       name);
        bool removed = false;
        for (size_t j = i + 1; j < fixture->line_count; j++) {
            if (strstr(fixture->lines[j], wanted) != NULL) {
                assert_true(starts_call(fixture->lines[j], "unlinkat("));
                removed = true;
            }
        }
        assert_true(removed);
    }
}

/* After a fault: the next put works and the song is whole. */
static void expect_recovery(struct fixture *fixture)
{
    struct test_vault tv = {0};
    struct buffer manifest = {0};
    (void)snprintf(tv.keys, sizeof tv.keys, "%s/keys", fixture->root);
    (void)snprintf(tv.folder, sizeof tv.folder, "%s/vault", fixture->root);
    assert_int_equal(keyring_open(&tv.keyring, tv.keys, true, NULL), STATUS_OK);
    assert_int_equal(vault_open_folder(&tv.vault, tv.folder, tv.keyring, NULL),
                     STATUS_OK);
    assert_int_equal(test_leftovers(tv.folder), 0);
    test_vault_put(&tv, &TEST_OWNER, fixture->song, SONG_BYTES, &manifest);
    test_vault_expect(&tv, &TEST_OWNER, &manifest, fixture->song, SONG_BYTES);
    buffer_clear(&manifest);
    vault_close(tv.vault);
    keyring_close(tv.keyring);
}

/* No data, but a secret that cuts the song into chunks of known number. */
static void start_anew(const struct fixture *fixture)
{
    char keys[PATH_SIZE];
    char folder[PATH_SIZE];
    (void)snprintf(keys, sizeof keys, "%s/keys", fixture->root);
    (void)snprintf(folder, sizeof folder, "%s/vault", fixture->root);
    char *arguments[] = {"rm", "-rf", "--", keys, folder, NULL};
    assert_int_equal(run(arguments), 0);
    test_write_region_secret(keys);
}

/* Lines where strace made a call fail; with `path`, on such a path alone. */
static size_t count_injected(const struct fixture *fixture, const char *path)
{
    size_t count = 0;
    for (size_t i = 0; i < fixture->line_count; i++) {
        const char *line = fixture->lines[i];
        count += strstr(line, "INJECTED") != NULL && strstr(line, path) != NULL;
    }
    return count;
}

/* The n-th such call fails, for every n, on a new data folder each time.
 * (Sanitizers make calls of their own; those may fail without harm.) */
static void each_call_fails_once(struct fixture *fixture, const char *call,
                                 const char *error)
{
    size_t failed_puts = 0;
    for (int n = 1; n <= MAX_FAULTS; n++) {
        char inject[128];
        (void)snprintf(inject, sizeof inject, "inject=%s:error=%s:when=%d",
                       call, error, n);
        start_anew(fixture);
        int result = traced_put(fixture, inject);
        if (count_injected(fixture, "") == 0) {
            assert_int_equal(result, RAN_OK);
            assert_true(failed_puts >= 3);
            return;
        }
        if (result == RAN_OK) { /* never a failure that was not noticed */
            assert_int_equal(count_injected(fixture, fixture->root), 0);
            continue;
        }
        assert_true(result == RAN_OPEN_FAILED || result == RAN_PUT_FAILED);
        failed_puts += result == RAN_PUT_FAILED;
        expect_given_up(fixture);
        expect_recovery(fixture);
    }
    assert_true(false); /* the bound is too small for this test */
}

static void every_failed_fsync_fails_the_put(void **state)
{
    need_strace();
    each_call_fails_once(*state, "fsync", "EIO");
}

static void every_failed_write_fails_the_put(void **state)
{
    need_strace();
    each_call_fails_once(*state, "write", "ENOSPC");
}

static void every_failed_rename_fails_the_put(void **state)
{
    need_strace();
    each_call_fails_once(*state, "/^rename", "EIO");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "put") == 0) {
        return put_once(argv[2], argv[3]);
    }
    const struct CMUnitTest tests[] = {
        TEST(file_then_rename_then_folder),
        TEST(the_folders_themselves_are_synced),
        TEST(an_existing_object_is_synced_with_its_folder),
        TEST(every_failed_fsync_fails_the_put),
        TEST(every_failed_write_fails_the_put),
        TEST(every_failed_rename_fails_the_put),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
