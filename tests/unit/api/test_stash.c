/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: what was promised to a client lies in the spool under its own name, is
 * found again after a restart, and a file that brings the service down is
 * counted. */
#include "api/stash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct spool {
    char folder[64];
    struct stash_item item;
};

static int set_up(void **state)
{
    struct spool *spool = calloc(1, sizeof *spool);
    assert_non_null(spool);
    (void)snprintf(spool->folder, sizeof spool->folder,
                   "/tmp/refrain-stash-XXXXXX");
    assert_non_null(mkdtemp(spool->folder));
    spool->item = (struct stash_item){spool->folder, "acc_1", "upl_1"};
    *state = spool;
    return 0;
}

static void path_of(char out[256], const struct spool *spool, const char *name)
{
    (void)snprintf(out, 256, "%s/%s", spool->folder, name);
}

static bool exists(const struct spool *spool, const char *name)
{
    char path[256];
    path_of(path, spool, name);
    return access(path, F_OK) == 0;
}

static int tear_down(void **state)
{
    struct spool *spool = *state;
    char failed[256];
    path_of(failed, spool, "failed");
    stash_release_remove(failed);
    stash_release_remove(spool->folder);
    assert_false(exists(spool, "."));
    free(spool);
    return 0;
}

/* A request's body, as the server spools it. */
static int make_body(const struct spool *spool, char path[256])
{
    path_of(path, spool, "body.part");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "song", 4), 4);
    return fd;
}

static void keep(const struct spool *spool)
{
    char path[256];
    struct error err = {0};
    int fd = make_body(spool, path);
    assert_int_equal(stash_keep(&spool->item, fd, path, &err), STATUS_OK);
    close(fd);
}

static void test_a_body_becomes_the_upload(void **state)
{
    const struct spool *spool = *state;
    struct error err = {0};
    char bytes[8] = "";
    int fd = -1;
    keep(spool);
    assert_false(exists(spool, "body.part"));
    assert_true(exists(spool, "acc_1.upl_1.audio"));
    assert_int_equal(stash_open(&spool->item, &fd, &err), STATUS_OK);
    assert_int_equal(read(fd, bytes, sizeof bytes), 4);
    assert_memory_equal(bytes, "song", 4);
    close(fd);
    stash_remove(&spool->item);
    assert_false(exists(spool, "acc_1.upl_1.audio"));
    stash_remove(&spool->item); /* again is fine */
}

static void test_a_lost_file_is_told_apart(void **state)
{
    const struct spool *spool = *state;
    struct error err = {0};
    int fd = -1;
    assert_int_equal(stash_open(&spool->item, &fd, &err), STATUS_CORRUPT);
    assert_string_equal(err.code, "spool_lost");
}

static void test_attempts_are_counted_until_taken_back(void **state)
{
    const struct spool *spool = *state;
    keep(spool);
    assert_int_equal(stash_attempt(&spool->item), 1);
    assert_int_equal(stash_attempt(&spool->item), 2);
    stash_attempt_undo(&spool->item);
    assert_int_equal(stash_attempt(&spool->item), 2);
    stash_attempt_undo(&spool->item);
    stash_attempt_undo(&spool->item);
    assert_false(exists(spool, "acc_1.upl_1.attempts"));
    stash_attempt_undo(&spool->item); /* nothing left: fine */
    assert_int_equal(stash_attempt(&spool->item), 1);
}

static void test_what_is_given_up_is_kept(void **state)
{
    const struct spool *spool = *state;
    struct error err = {0};
    keep(spool);
    (void)stash_attempt(&spool->item);
    assert_int_equal(stash_put_aside(&spool->item, &err), STATUS_OK);
    assert_true(exists(spool, "failed/acc_1.upl_1.audio"));
    assert_false(exists(spool, "acc_1.upl_1.audio"));
    assert_false(exists(spool, "acc_1.upl_1.attempts"));
    /* A crash behind it brings it here once more. */
    assert_int_equal(stash_put_aside(&spool->item, &err), STATUS_OK);
    assert_true(exists(spool, "failed/acc_1.upl_1.audio"));
}

static enum status count_visit(void *context, const struct stash_item *item,
                               struct error *err)
{
    unsigned *count = context;
    (void)err;
    assert_string_equal(item->account_id, "acc_1");
    assert_string_equal(item->upload_id, "upl_1");
    (*count)++;
    return STATUS_OK;
}

static void touch(const struct spool *spool, const char *name)
{
    char path[256];
    path_of(path, spool, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void test_the_sweep_finds_uploads_and_removes_remains(void **state)
{
    const struct spool *spool = *state;
    char release[STASH_PATH_SIZE];
    struct error err = {0};
    unsigned count = 0;
    keep(spool);
    (void)stash_attempt(&spool->item);
    touch(spool, "acc_2.upl_2.attempts"); /* its audio is gone */
    touch(spool, "up_123.part");          /* a body that was cut off */
    touch(spool, "..audio");              /* no ids: not ours */
    assert_int_equal(stash_release_make(spool->folder, release, &err),
                     STATUS_OK);
    assert_int_equal(stash_sweep(spool->folder, count_visit, &count, &err),
                     STATUS_OK);
    assert_int_equal(count, 1);
    assert_true(exists(spool, "acc_1.upl_1.audio"));
    assert_true(exists(spool, "acc_1.upl_1.attempts"));
    assert_false(exists(spool, "acc_2.upl_2.attempts"));
    assert_false(exists(spool, "up_123.part"));
    assert_true(exists(spool, "..audio"));
    assert_int_not_equal(access(release, F_OK), 0);
}

static enum status failing_visit(void *context, const struct stash_item *item,
                                 struct error *err)
{
    (void)context;
    (void)item;
    return error_set(err, STATUS_UNAVAILABLE, "redis_unavailable", "gone");
}

static void test_the_sweep_stops_when_redis_is_gone(void **state)
{
    const struct spool *spool = *state;
    struct error err = {0};
    keep(spool);
    assert_int_equal(stash_sweep(spool->folder, failing_visit, NULL, &err),
                     STATUS_UNAVAILABLE);
    assert_true(exists(spool, "acc_1.upl_1.audio"));
}

static void test_a_missing_spool_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    unsigned count = 0;
    assert_int_equal(
        stash_sweep("/tmp/refrain-no-such-folder", count_visit, &count, &err),
        STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "spool_write");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_body_becomes_the_upload, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_lost_file_is_told_apart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_attempts_are_counted_until_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_given_up_is_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            test_the_sweep_finds_uploads_and_removes_remains, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(test_the_sweep_stops_when_redis_is_gone,
                                        set_up, tear_down),
        cmocka_unit_test(test_a_missing_spool_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
