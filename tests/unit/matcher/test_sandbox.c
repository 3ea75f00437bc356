/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/sound.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a decoder that was taken over can still do: nothing. The sanitizers need
 * more system calls than the filter allows: there it is left out, and so are
 * these tests. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITHOUT_FILTER() skip()
#else
#define WITHOUT_FILTER() (void)0
#endif

/* How the probe ended: an errno, or -1 for the filter's signal. */
static int probe(const char *what)
{
    char command[SOUND_PATH_SIZE + 64];

    (void)snprintf(command, sizeof command, "exec %s %s",
                   sound_program("tests", "sandbox_probe"), what);
    int status = system(command); /* NOLINT(cert-env33-c): our own line */
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGSYS);
        return -1;
    }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_probe_itself_works(void **state)
{
    (void)state;
    assert_int_equal(probe("nothing"), 0);
}

static void other_descriptors_are_closed(void **state)
{
    (void)state;
    assert_int_equal(probe("descriptor 4</dev/zero"), EBADF);
}

static void calls_beyond_decoding_end_the_process(void **state)
{
    static const char *const calls[] = {"socket", "exec",   "fork",
                                        "kill",   "ptrace", "executable"};
    (void)state;
    WITHOUT_FILTER();
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (probe(calls[i]) != -1) {
            fail_msg("%s was allowed", calls[i]);
        }
    }
}

static void files_cannot_be_opened(void **state)
{
    (void)state;
    assert_int_equal(probe("open"), EACCES);
}

static void memory_ends_before_the_machine_does(void **state)
{
    (void)state;
    WITHOUT_FILTER();
    assert_int_equal(probe("memory"), ENOMEM);
}

/* The value of a line of /proc/PID/status. */
static long status_value(const char *text, const char *name, int base)
{
    const char *line = strstr(text, name);
    assert_non_null(line);
    return strtol(line + strlen(name), NULL, base);
}

static void read_status(char *text, size_t size)
{
    sound_run("forker=$(cat /proc/%d/task/*/children) && "
              "job=$(cat /proc/${forker%%%% *}/task/*/children) && "
              "cat /proc/${job%%%% *}/status >status",
              getpid());
    FILE *file = fopen("status", "r");
    assert_non_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

/* Of the real program's job, while it holds a file. sound_run's own child is
 * listed behind the forker. */
static void the_decoder_is_locked_in(void **state)
{
    struct decoder_pool *pool = NULL;
    struct decoder *decoder = NULL;
    char text[8192];
    (void)state;
    sound_run("$compose 3 10 >music.wav");
    assert_int_equal(decoder_pool_open(&pool,
                                       sound_program("bin", "refrain-decoder"),
                                       1, NULL),
                     STATUS_OK);
    int fd = sound_open("music.wav");
    assert_int_equal(decoder_open(&decoder, pool, fd, NULL), STATUS_OK);
    read_status(text, sizeof text);
    assert_non_null(strstr(text, "refrain-decoder"));
    assert_int_equal(status_value(text, "\nNoNewPrivs:", 10), 1);
    assert_int_equal(status_value(text, "\nCapEff:", 16), 0);
    assert_int_equal(status_value(text, "\nThreads:", 10), 1);
    assert_true(status_value(text, "\nUid:", 10) != 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_int_equal(status_value(text, "\nSeccomp:", 10), 2);
#endif
    decoder_close(decoder);
    (void)close(fd);
    decoder_pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_probe_itself_works),
        cmocka_unit_test(other_descriptors_are_closed),
        cmocka_unit_test(calls_beyond_decoding_end_the_process),
        cmocka_unit_test(files_cannot_be_opened),
        cmocka_unit_test(memory_ends_before_the_machine_does),
        cmocka_unit_test(the_decoder_is_locked_in),
    };
    return cmocka_run_group_tests(tests, sound_set_up, sound_tear_down);
}
