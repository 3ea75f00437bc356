/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/sound.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The pool with the real program behind it. */

static struct decoder_pool *pool;

static int set_up(void **state)
{
    int rc = sound_set_up(state);
    if (rc == 0) {
        sound_run("$compose 21 20 >music.wav");
        assert_int_equal(
            decoder_pool_open(&pool, sound_program("bin", "refrain-decoder"), 2,
                              NULL),
            STATUS_OK);
    }
    return rc;
}

static int tear_down(void **state)
{
    decoder_pool_close(pool);
    return sound_tear_down(state);
}

static struct decoder *open_with(struct decoder_pool *by, const char *name)
{
    struct decoder *decoder = NULL;
    struct error err = {0};
    int fd = sound_open(name);
    if (decoder_open(&decoder, by, fd, &err) != STATUS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    (void)close(fd);
    return decoder;
}

static struct decoder *open_good(const char *name)
{
    return open_with(pool, name);
}

static void assert_refused(struct decoder_pool *by, const char *name,
                           const char *code)
{
    struct decoder *decoder = NULL;
    struct error err = {0};
    int fd = sound_open(name);
    if (decoder_open(&decoder, by, fd, &err) != STATUS_INVALID ||
        strcmp(err.code, code) != 0) {
        fail_msg("%s: expected %s, got '%s' %s", name, code, err.code,
                 err.text);
    }
    assert_null(decoder);
    (void)close(fd);
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    (void)closedir(folder);
    return count;
}

/* Every format that people have, through the sandbox: item for item what
 * fpcalc hears. */
static void hears_every_format_as_fpcalc_does(void **state)
{
    static const struct {
        const char *name;
        const char *options;
        enum container container;
        const char *codec;
    } formats[] = {
        {"cbr.mp3", "-b:a 128k", CONTAINER_MP3, "mp3"},
        {"vbr.mp3", "-q:a 2", CONTAINER_MP3, "mp3"},
        {"half.mp3", "-ar 22050 -ac 1 -b:a 48k", CONTAINER_MP3, "mp3"},
        {"bare.aac", "-b:a 128k", CONTAINER_ADTS, "aac"},
        {"last.m4a", "-b:a 128k", CONTAINER_MP4, "aac"},
        {"first.m4a", "-b:a 96k -movflags +faststart", CONTAINER_MP4, "aac"},
        {"alac.m4a", "-c:a alac", CONTAINER_MP4, "alac"},
        {"cd.flac", "", CONTAINER_FLAC, "flac"},
        {"studio.flac", "-ar 96000 -sample_fmt s32", CONTAINER_FLAC, "flac"},
        {"vorbis.ogg", "-c:a libvorbis -q:a 3", CONTAINER_OGG, "vorbis"},
        {"opus.opus", "-b:a 96k", CONTAINER_OGG, "opus"},
        {"flac.oga", "-c:a flac", CONTAINER_OGG, "flac"},
        {"cd.wav", "", CONTAINER_WAV, "pcm_s16le"},
        {"24.wav", "-c:a pcm_s24le", CONTAINER_WAV, "pcm_s24le"},
        {"float.wav", "-c:a pcm_f32le", CONTAINER_WAV, "pcm_f32le"},
        {"8.wav", "-c:a pcm_u8", CONTAINER_WAV, "pcm_u8"},
        {"cd.w64", "-f w64", CONTAINER_WAV, "pcm_s16le"},
        {"cd.aiff", "", CONTAINER_AIFF, "pcm_s16be"},
        {"24.aiff", "-c:a pcm_s24be", CONTAINER_AIFF, "pcm_s24be"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        sound_run("ffmpeg -v error -i music.wav %s %s", formats[i].options,
                  formats[i].name);
        struct decoder *decoder = open_good(formats[i].name);
        const struct fingerprint *heard = decoder_fingerprint(decoder);
        const struct audio_facts *facts = decoder_facts(decoder);
        struct fingerprint golden = sound_fpcalc(formats[i].name);
        assert_int_equal(facts->container, formats[i].container);
        assert_string_equal(facts->codec, formats[i].codec);
        assert_in_range(facts->duration_ms, 19900, 20150);
        if (heard->item_count != golden.item_count ||
            memcmp(heard->items, golden.items,
                   golden.item_count * sizeof *golden.items) != 0) {
            fail_msg("%s: not what fpcalc hears (%zu items, %zu)",
                     formats[i].name, heard->item_count, golden.item_count);
        }
        fingerprint_clear(&golden);
        decoder_close(decoder);
    }
}

/* Property: the print of a part is the slice of the print, when it starts on
 * a hop. */
static void the_print_of_a_part_is_a_slice(void **state)
{
    struct decoder *decoder = open_good("music.wav");
    const struct fingerprint *whole = decoder_fingerprint(decoder);
    struct fingerprint part;
    (void)state;
    for (size_t first = 0; first < 80; first += 13) {
        size_t samples =
            FINGERPRINT_ITEM_SAMPLES + (size_t)40 * FINGERPRINT_HOP_SAMPLES;
        assert_int_equal(decoder_print(decoder, &part,
                                       first * (size_t)FINGERPRINT_HOP_SAMPLES,
                                       samples, NULL),
                         STATUS_OK);
        assert_int_equal(part.item_count, 41);
        assert_memory_equal(part.items, whole->items + first,
                            41 * sizeof *part.items);
        fingerprint_clear(&part);
    }
    assert_int_equal(decoder_print(decoder, &part, 0, 0, NULL), STATUS_OK);
    assert_int_equal(part.item_count, whole->item_count);
    assert_memory_equal(part.levels, whole->levels, whole->item_count);
    fingerprint_clear(&part);
    decoder_close(decoder);
}

static void a_part_that_is_not_there_is_refused(void **state)
{
    enum { SAMPLES = 20 * PCM_RATE_HZ };
    static const struct {
        size_t start;
        size_t count;
    } parts[] = {
        {0, 1000},         {0, SIZE_MAX}, {SIZE_MAX, 0},
        {SIZE_MAX, 40000}, {SAMPLES, 0},  {SAMPLES - 100, 40000},
        {SAMPLES + 1, 0},
    };
    struct decoder *decoder = open_good("music.wav");
    struct fingerprint part;
    (void)state;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_int_equal(
            decoder_print(decoder, &part, parts[i].start, parts[i].count, NULL),
            STATUS_INVALID);
        assert_null(part.items);
    }
    /* ... and the decoder goes on */
    assert_int_equal(decoder_print(decoder, &part, 0, 40000, NULL), STATUS_OK);
    fingerprint_clear(&part);
    decoder_close(decoder);
}

static void refusals_come_through(void **state)
{
    (void)state;
    sound_run("yes text | head -c 100000 >text.mp3 || true; "
              "ffmpeg -v error -i music.wav -t 2 short.mp3; "
              "ffmpeg -v error -f lavfi -i anullsrc=r=8000:cl=mono -t 7210 "
              "-compression_level 0 long.flac; : >empty.mp3");
    assert_refused(pool, "text.mp3", "not_audio");
    assert_refused(pool, "empty.mp3", "not_audio");
    assert_refused(pool, "short.mp3", "too_short");
    assert_refused(pool, "long.flac", "too_long");
}

/* The longest file there may be, with a side: progress is told on the way. */
static void two_hours_are_heard(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -f lavfi -i "
              "'sine=f=300:r=8000:d=7195,tremolo=f=0.3' -ac 2 long.flac -y");
    struct decoder *decoder = open_good("long.flac");
    const struct fingerprint *heard = decoder_fingerprint(decoder);
    assert_in_range(heard->item_count, 58000, FINGERPRINT_MAX_ITEMS);
    assert_int_equal(decoder_facts(decoder)->duration_ms, 7195000);
    assert_true(decoder_sound(decoder).has_side);
    decoder_close(decoder);
}

/* The children of a process' first thread: at most MANY of them, in order of
 * their age. */
enum { MANY = 16 };
static size_t list_children(pid_t *children, pid_t of)
{
    char path[SOUND_PATH_SIZE];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", of, of);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    /* the kernel's numbers NOLINTNEXTLINE(cert-err34-c) */
    while (count < MANY && fscanf(file, "%d", &children[count]) == 1) {
        count++;
    }
    (void)fclose(file);
    return count;
}

/* What was started last: a pool's forker. */
static pid_t newest_child(void)
{
    pid_t children[MANY];
    size_t count = list_children(children, getpid());
    assert_true(count > 0);
    return children[count - 1];
}

static struct decoder_pool *open_pool(unsigned process_count)
{
    struct decoder_pool *opened = NULL;
    assert_int_equal(decoder_pool_open(&opened,
                                       sound_program("bin", "refrain-decoder"),
                                       process_count, NULL),
                     STATUS_OK);
    return opened;
}

static void nothing_is_left_behind(void **state)
{
    size_t before = count_descriptors();
    (void)state;
    struct decoder_pool *own = open_pool(1);
    sound_run("head -c 1000 /dev/zero >bad.mp3");
    decoder_close(open_with(own, "music.wav"));
    size_t running = count_descriptors();
    pid_t forker = newest_child();
    for (int i = 0; i < 5; i++) {
        decoder_close(open_with(own, "music.wav"));
        assert_refused(own, "bad.mp3", "not_audio");
    }
    assert_int_equal(count_descriptors(), running);
    assert_int_equal(newest_child(), forker);
    decoder_pool_close(own);
    assert_int_equal(kill(forker, 0), -1);
    assert_int_equal(count_descriptors(), before);
}

static void a_missing_program_is_said_at_once(void **state)
{
    static const char *const missing[] = {"/nowhere/refrain-decoder", "/tmp",
                                          "music.wav"};
    (void)state;
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        struct decoder_pool *none = NULL;
        struct error err = {0};
        assert_int_equal(decoder_pool_open(&none, missing[i], 1, &err),
                         STATUS_UNAVAILABLE);
        assert_string_equal(err.code, "no_decoder");
        assert_null(none);
    }
    decoder_pool_close(NULL);
    decoder_close(NULL);
}

static struct decoder_pool *open_fake(const char *way)
{
    struct decoder_pool *bad = NULL;
    char path[SOUND_PATH_SIZE];
    sound_run("ln -s \"$(realpath %s)\" %s",
              sound_program("tests", "fake_decoder"), way);
    (void)snprintf(path, sizeof path, "./%s", way);
    assert_int_equal(decoder_pool_open(&bad, path, 1, NULL), STATUS_OK);
    return bad;
}

/* A decoder that the file has taken over may do anything at all. */
static void a_decoder_gone_bad_is_unreadable(void **state)
{
    static const char *const ways[] = {
        "garbage",   "silent",     "killed",  "huge",    "print_first",
        "endless",   "liar",       "half",    "success", "request",
        "two_facts", "wrong_code", "crashed",
    };
    size_t before = count_descriptors();
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct decoder_pool *bad = open_fake(ways[i]);
        assert_refused(bad, "music.wav", "unreadable");
        decoder_pool_close(bad);
    }
    assert_int_equal(count_descriptors(), before);
}

/* The same, once it is asked for samples. */
static void samples_that_nobody_asked_for_are_unreadable(void **state)
{
    static const char *const ways[] = {
        "samples_many",  "samples_few", "samples_channel", "samples_place",
        "samples_print", "samples_cut", "samples_claimed",
    };
    static int16_t heard[1000];
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct decoder_pool *bad = open_fake(ways[i]);
        struct decoder *decoder = open_with(bad, "music.wav");
        struct sound sound = decoder_sound(decoder);
        struct error err = {0};
        if (sound.read(sound.context, PCM_SIDE, 500, 1000, heard, &err) !=
                STATUS_INVALID ||
            strcmp(err.code, "unreadable") != 0) {
            fail_msg("%s: got '%s' %s", ways[i], err.code, err.text);
        }
        decoder_close(decoder);
        decoder_pool_close(bad);
    }
}

/* A program that does not start jobs says nothing of the file. */
static void a_forker_gone_bad_is_no_decoder(void **state)
{
    static const char *const ways[] = {"forker_gone", "forker_dies",
                                       "forker_full", "forker_mute"};
    size_t before = count_descriptors();
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct decoder_pool *bad = open_fake(ways[i]);
        struct decoder *decoder = NULL;
        struct error err = {0};
        int fd = sound_open("music.wav");
        for (int again = 0; again < 2; again++) {
            assert_int_equal(decoder_open(&decoder, bad, fd, &err),
                             STATUS_UNAVAILABLE);
            assert_string_equal(err.code, "no_decoder");
            assert_null(decoder);
        }
        (void)close(fd);
        decoder_pool_close(bad);
    }
    assert_int_equal(count_descriptors(), before);
}

/* Property: read in pieces of any size, the samples are those of one read. */
static void samples_are_read_in_any_pieces(void **state)
{
    enum { SAMPLES = 20 * PCM_RATE_HZ };
    static int16_t whole[SAMPLES];
    static int16_t pieces[SAMPLES];
    struct decoder *decoder = open_good("music.wav");
    struct sound sound = decoder_sound(decoder);
    (void)state;
    assert_int_equal(sound.sample_count, SAMPLES);
    assert_true(sound.has_side);
    for (enum pcm_channel channel = PCM_MID; channel <= PCM_SIDE; channel++) {
        assert_int_equal(sound_read(&sound, channel, 0, SAMPLES, whole, NULL),
                         STATUS_OK);
        for (size_t at = 0, piece = 1; at < SAMPLES; at += piece) {
            piece = piece * 3 < SAMPLES - at ? piece * 3 : SAMPLES - at;
            assert_int_equal(sound_read(&sound, channel, (int64_t)at, piece,
                                        pieces + at, NULL),
                             STATUS_OK);
        }
        assert_memory_equal(pieces, whole, sizeof whole);
    }
    decoder_close(decoder);
}

static void a_mono_file_has_no_side(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -ac 1 mono.flac");
    struct decoder *decoder = open_good("mono.flac");
    assert_false(decoder_sound(decoder).has_side);
    decoder_close(decoder);
}

/* The forker is killed while one of its jobs waits: the job goes with it, which
 * is nobody's file's fault, and the next file finds another. */
static void a_forker_that_was_killed_is_replaced(void **state)
{
    struct decoder_pool *own = open_pool(2);
    struct decoder *interrupted = open_with(own, "music.wav");
    struct fingerprint part;
    struct error err = {0};
    (void)state;
    assert_int_equal(kill(newest_child(), SIGKILL), 0);
    struct decoder *next = open_with(own, "music.wav");
    assert_int_equal(decoder_print(interrupted, &part, 0, 0, &err),
                     STATUS_UNAVAILABLE);
    assert_string_equal(err.code, "no_decoder");
    decoder_close(interrupted);
    assert_int_equal(decoder_print(next, &part, 0, 0, &err), STATUS_OK);
    fingerprint_clear(&part);
    decoder_close(next);
    decoder_close(open_with(own, "music.wav"));
    decoder_pool_close(own);
}

/* Whether this process has a job in its hands: a pidfd. */
static bool has_job(void)
{
    bool found = false;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL && !found;
         entry = readdir(folder)) {
        char target[64] = "";
        (void)!readlinkat(dirfd(folder), entry->d_name, target,
                          sizeof target - 1);
        found = strstr(target, "pidfd") != NULL;
    }
    (void)closedir(folder);
    return found;
}

/* Opens a file that takes seconds; what comes of it is the thread's result. */
static void *open_long(void *by)
{
    static struct error err;
    struct decoder *decoder = NULL;
    int fd = sound_open("hour.flac");
    enum status status = decoder_open(&decoder, by, fd, &err);
    decoder_close(decoder);
    (void)close(fd);
    return status == STATUS_UNAVAILABLE ? err.code : NULL;
}

static void a_decode_that_is_interrupted_is_unavailable(void **state)
{
    struct decoder_pool *own = open_pool(1);
    pthread_t thread;
    void *code = NULL;
    (void)state;
    sound_run("ffmpeg -v error -f lavfi -i sine=f=300:r=8000:d=3600 hour.flac");
    /* this thread's child is the forker, so that it is found */
    decoder_close(open_with(own, "music.wav"));
    assert_int_equal(pthread_create(&thread, NULL, open_long, own), 0);
    while (!has_job()) {
        (void)sched_yield();
    }
    assert_int_equal(kill(newest_child(), SIGKILL), 0);
    assert_int_equal(pthread_join(thread, &code), 0);
    assert_non_null(code);
    /* no_sandbox: it was orphaned before it had locked itself in */
    assert_true(strcmp(code, "no_decoder") == 0 ||
                strcmp(code, "no_sandbox") == 0);
    decoder_close(open_with(own, "music.wav"));
    decoder_pool_close(own);
}

/* Jobs have their addresses in common, so that a file which ended its decoder
 * might know those of the next: there is another forker then. */
static void a_suspect_forker_starts_no_other_job(void **state)
{
    struct decoder_pool *own = open_pool(2);
    pid_t jobs[MANY];
    struct decoder *suspect = open_with(own, "music.wav");
    struct decoder *other = open_with(own, "music.wav");
    struct fingerprint part;
    (void)state;
    pid_t first = newest_child();
    assert_int_equal(list_children(jobs, first), 2);
    assert_int_equal(kill(jobs[0], SIGKILL), 0);
    assert_int_equal(decoder_print(suspect, &part, 0, 0, NULL), STATUS_INVALID);
    decoder_close(suspect);
    struct decoder *next = open_with(own, "music.wav");
    assert_int_not_equal(newest_child(), first);
    /* ... while the jobs that it has go on */
    assert_int_equal(decoder_print(other, &part, 0, 0, NULL), STATUS_OK);
    fingerprint_clear(&part);
    decoder_close(other);
    assert_int_equal(kill(first, 0), -1);
    decoder_close(next);
    decoder_pool_close(own);
}

/* The program that has a pool, killed: forker and job end as well. They become
 * children of this process, which can then wait for them. */
static void nothing_outlives_the_program(void **state)
{
    int told[2];
    char byte = 0;
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    assert_int_equal(pipe(told), 0);
    pid_t program = fork();
    if (program == 0) {
        struct decoder_pool *own = open_pool(1);
        (void)open_with(own, "music.wav");
        (void)!write(told[1], &byte, 1);
        (void)pause();
        _exit(0);
    }
    assert_int_equal(read(told[0], &byte, 1), 1);
    pid_t forker[MANY];
    pid_t job[MANY];
    assert_int_equal(list_children(forker, program), 1);
    assert_int_equal(list_children(job, forker[0]), 1);
    assert_int_equal(kill(program, SIGKILL), 0);
    assert_int_equal(waitpid(program, NULL, 0), program);
    assert_int_equal(waitpid(forker[0], NULL, 0), forker[0]);
    /* the forker may have seen its end, and waited for it, before its own */
    pid_t seen = waitpid(job[0], NULL, 0);
    assert_true(seen == job[0] || (seen == -1 && errno == ECHILD));
    assert_int_equal(kill(job[0], 0), -1);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
    (void)close(told[0]);
    (void)close(told[1]);
}

static void *open_one(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        struct decoder *decoder = open_good("music.wav");
        decoder_close(decoder);
    }
    return NULL;
}

/* Six threads, two places. */
static void threads_take_turns(void **state)
{
    pthread_t threads[6];
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, open_one, NULL), 0);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

/* Descriptors 0 to 3 are the child's own: ours may lie there as well. */
static void works_without_standard_descriptors(void **state)
{
    int kept[3];
    struct decoder_pool *own = open_pool(1);
    (void)state;
    (void)fflush(NULL);
    for (int i = 0; i < 3; i++) {
        kept[i] = dup(i);
        assert_true(kept[i] >= 0);
    }
    struct decoder *decoder = NULL;
    for (int i = 0; i < 3; i++) {
        (void)close(i);
    }
    int fd = sound_open("music.wav"); /* is 0 now; the socket pairs 1 and on */
    enum status status = decoder_open(&decoder, own, fd, NULL);
    (void)close(fd);
    for (int i = 0; i < 3; i++) {
        (void)dup2(kept[i], i);
        (void)close(kept[i]);
    }
    assert_int_equal(status, STATUS_OK);
    decoder_close(decoder);
    decoder_pool_close(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hears_every_format_as_fpcalc_does),
        cmocka_unit_test(the_print_of_a_part_is_a_slice),
        cmocka_unit_test(a_part_that_is_not_there_is_refused),
        cmocka_unit_test(refusals_come_through),
        cmocka_unit_test(two_hours_are_heard),
        cmocka_unit_test(nothing_is_left_behind),
        cmocka_unit_test(a_missing_program_is_said_at_once),
        cmocka_unit_test(a_decoder_gone_bad_is_unreadable),
        cmocka_unit_test(samples_that_nobody_asked_for_are_unreadable),
        cmocka_unit_test(a_forker_gone_bad_is_no_decoder),
        cmocka_unit_test(samples_are_read_in_any_pieces),
        cmocka_unit_test(a_mono_file_has_no_side),
        cmocka_unit_test(a_forker_that_was_killed_is_replaced),
        cmocka_unit_test(a_decode_that_is_interrupted_is_unavailable),
        cmocka_unit_test(a_suspect_forker_starts_no_other_job),
        cmocka_unit_test(nothing_outlives_the_program),
        cmocka_unit_test(threads_take_turns),
        cmocka_unit_test(works_without_standard_descriptors),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
