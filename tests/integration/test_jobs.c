/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/library/uploads.h"
#include "catalog/redis/keys.h"
#include "tests/support/library.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

static struct test_redis server;
static struct redis *redis;

static const uint32_t IDLE_MS = 60000;

static int setup(void **state)
{
    (void)state;
    test_redis_start(&server);
    redis = test_redis_open(&server);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    redis_close(redis);
    test_redis_stop(&server);
    return 0;
}

static int empty_queue(void **state)
{
    (void)state;
    (void)TEST_ASK(redis, "FLUSHALL");
    assert_int_equal(jobs_prepare(redis, NULL), STATUS_OK);
    return 0;
}

static void add(const char *upload_id)
{
    assert_int_equal(jobs_add(redis, "acc_1", upload_id, NULL), STATUS_OK);
}

static bool take(const char *consumer, struct job *out)
{
    bool found = false;
    assert_int_equal(jobs_take(redis, consumer, 0, IDLE_MS, out, &found, NULL),
                     STATUS_OK);
    return found;
}

static void expect_job(const char *consumer, const char *upload_id)
{
    struct job job;
    assert_true(take(consumer, &job));
    assert_string_equal(job.account_id, "acc_1");
    assert_int_equal(job.kind, JOB_UPLOAD);
    assert_string_equal(job.item_id, upload_id);
}

static void expect_none(const char *consumer)
{
    struct job job;
    assert_false(take(consumer, &job));
}

/* As if the worker that has the job had not been heard of for that long. */
static void make_idle(const char *entry_id, const char *idle_ms)
{
    struct key jobs = key_jobs();
    const struct redis_arg args[] = {
        redis_text("XCLAIM"), redis_text(jobs.text), redis_text("workers"),
        redis_text("dead"),   redis_text("0"),       redis_text(entry_id),
        redis_text("IDLE"),   redis_text(idle_ms),   redis_text("JUSTID")};
    assert_int_equal(redis_call(redis, NULL, args, 9, NULL), STATUS_OK);
}

static void preparing_twice_is_fine(void **state)
{
    (void)state;
    add("upl_1");
    assert_int_equal(jobs_prepare(redis, NULL), STATUS_OK);
    expect_job("a", "upl_1");
}

static void jobs_come_in_the_order_of_adding_and_to_one_worker(void **state)
{
    (void)state;
    add("upl_1");
    add("upl_2");
    add("upl_3");
    expect_job("a", "upl_1");
    expect_job("b", "upl_2");
    expect_job("a", "upl_3");
    expect_none("a");
    expect_none("b");
}

static void a_finished_job_is_gone(void **state)
{
    (void)state;
    struct job job;
    struct key jobs = key_jobs();
    add("upl_1");
    assert_true(take("a", &job));
    assert_int_equal(jobs_done(redis, &job, NULL), STATUS_OK);
    assert_int_equal(TEST_ASK(redis, "XLEN", jobs.text), 0);
    expect_none("a");
    assert_int_equal(jobs_done(redis, &job, NULL), STATUS_OK);
}

static void a_job_of_a_dead_worker_is_handed_out_again_first(void **state)
{
    (void)state;
    struct job job;
    add("upl_1");
    add("upl_2");
    assert_true(take("dead", &job));
    expect_job("a", "upl_2"); /* not yet given up */
    make_idle(job.entry_id, "60001");
    add("upl_3");
    expect_job("a", "upl_1");
    expect_job("a", "upl_3");
}

static void a_dead_workers_job_is_found_behind_many_in_hand(void **state)
{
    (void)state;
    enum { IN_HAND = 60 };
    struct job job;
    for (int i = 0; i < IN_HAND; i++) {
        char id[ID_SIZE];
        (void)snprintf(id, sizeof id, "upl_%d", i);
        add(id);
        assert_true(take("busy", &job));
    }
    make_idle(job.entry_id, "60001");
    expect_job("a", "upl_59");
    expect_none("a");
}

static void jobs_survive_kill_9_of_redis(void **state)
{
    (void)state;
    struct job job;
    add("upl_1");
    add("upl_2");
    assert_true(take("a", &job));
    test_redis_kill(&server);
    bool found = false;
    assert_int_equal(jobs_take(redis, "a", 0, IDLE_MS, &job, &found, NULL),
                     STATUS_UNAVAILABLE);
    assert_false(found);
    test_redis_restart(&server);
    expect_job("b", "upl_2");
    make_idle(job.entry_id, "60001");
    expect_job("b", "upl_1");
}

static void a_lost_group_is_made_again(void **state)
{
    (void)state;
    struct job job;
    bool found = true;
    (void)TEST_ASK(redis, "FLUSHALL");
    add("upl_1"); /* before anybody prepares: it is not passed over */
    assert_int_equal(jobs_take(redis, "a", 0, IDLE_MS, &job, &found, NULL),
                     STATUS_OK);
    assert_false(found);
    expect_job("a", "upl_1");
}

static void what_is_no_job_leaves_the_queue(void **state)
{
    (void)state;
    struct key jobs = key_jobs();
    (void)TEST_ASK(redis, "XADD", jobs.text, "*", "account", "a b", "upload",
                   "upl_1");
    (void)TEST_ASK(redis, "XADD", jobs.text, "*", "something", "else");
    add("upl_2");
    expect_none("a");
    expect_none("a");
    expect_job("a", "upl_2");
    assert_int_equal(TEST_ASK(redis, "XLEN", jobs.text), 1);
}

static void a_track_is_asked_again_among_the_uploads(void **state)
{
    (void)state;
    struct job job;
    uint64_t count = 0;
    add("upl_1");
    assert_int_equal(jobs_add_rescan(redis, "acc_1", "trk_1", 12345, NULL),
                     STATUS_OK);
    assert_int_equal(jobs_add_rescan(redis, "acc_1", "trk_2", 0, NULL),
                     STATUS_OK);
    assert_int_equal(jobs_count(redis, &count, NULL), STATUS_OK);
    assert_int_equal(count, 3);
    expect_job("a", "upl_1");
    assert_true(take("a", &job));
    assert_int_equal(job.kind, JOB_RESCAN);
    assert_string_equal(job.account_id, "acc_1");
    assert_string_equal(job.item_id, "trk_1");
    assert_int_equal(job.asked, 12345);
    assert_true(take("a", &job));
    assert_string_equal(job.item_id, "trk_2");
    assert_int_equal(job.asked, 0);
}

static void a_worker_takes_back_what_it_had_in_an_earlier_life(void **state)
{
    (void)state;
    struct job job;
    struct key jobs = key_jobs();
    assert_int_equal(jobs_add_rescan(redis, "acc_1", "trk_1", 7, NULL),
                     STATUS_OK);
    add("upl_1");
    add("upl_2");
    assert_true(take("a", &job));
    assert_true(take("a", &job));
    expect_job("b", "upl_2"); /* another one's, who lives */
    assert_int_equal(jobs_take_back(redis, "a", NULL), STATUS_OK);
    assert_int_equal(jobs_take_back(redis, "new", NULL), STATUS_OK);
    assert_true(take("a", &job));
    assert_int_equal(job.kind, JOB_RESCAN);
    assert_string_equal(job.item_id, "trk_1");
    assert_int_equal(job.asked, 7);
    expect_job("a", "upl_1");
    expect_none("a");
    assert_int_equal(TEST_ASK(redis, "XLEN", jobs.text), 3);
}

static void a_full_queue_says_so(void **state)
{
    (void)state;
    struct error err;
    struct key jobs = key_jobs();
    static const char fill[] =
        "for i = 1, 100000 do redis.call('XADD', KEYS[1], '*', 'a', 'b') end";
    (void)TEST_ASK(redis, "EVAL", fill, "1", jobs.text);
    assert_int_equal(jobs_add(redis, "acc_1", "upl_1", &err), STATUS_LIMIT);
    assert_string_equal(err.code, "queue_full");
}

static void *add_later(void *unused)
{
    (void)unused;
    struct redis *mine = test_redis_open(&server);
    const struct timespec pause = {.tv_nsec = 50000000};
    (void)nanosleep(&pause, NULL);
    enum status status = jobs_add(mine, "acc_1", "upl_1", NULL);
    redis_close(mine);
    return status == STATUS_OK ? NULL : mine;
}

static void a_waiting_worker_wakes_for_a_job(void **state)
{
    (void)state;
    pthread_t thread;
    struct job job;
    void *failed = NULL;
    bool found = false;
    assert_int_equal(pthread_create(&thread, NULL, add_later, NULL), 0);
    assert_int_equal(jobs_take(redis, "a", 60000, IDLE_MS, &job, &found, NULL),
                     STATUS_OK);
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_true(found);
    assert_string_equal(job.item_id, "upl_1");
}

static void waiting_ends(void **state)
{
    (void)state;
    struct job job;
    bool found = true;
    assert_int_equal(jobs_take(redis, "a", 20, IDLE_MS, &job, &found, NULL),
                     STATUS_OK);
    assert_false(found);
}

#define JOB_TEST(name) cmocka_unit_test_setup(name, empty_queue)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOB_TEST(preparing_twice_is_fine),
        JOB_TEST(jobs_come_in_the_order_of_adding_and_to_one_worker),
        JOB_TEST(a_finished_job_is_gone),
        JOB_TEST(a_job_of_a_dead_worker_is_handed_out_again_first),
        JOB_TEST(a_dead_workers_job_is_found_behind_many_in_hand),
        JOB_TEST(jobs_survive_kill_9_of_redis),
        JOB_TEST(a_lost_group_is_made_again),
        JOB_TEST(what_is_no_job_leaves_the_queue),
        JOB_TEST(a_track_is_asked_again_among_the_uploads),
        JOB_TEST(a_worker_takes_back_what_it_had_in_an_earlier_life),
        JOB_TEST(a_full_queue_says_so),
        JOB_TEST(a_waiting_worker_wakes_for_a_job),
        JOB_TEST(waiting_ends),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
