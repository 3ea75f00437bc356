/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decoder/pool.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/sound.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* From files to verdicts: masters as the catalog keeps them, copies as people
 * have them. */

enum { MASTERS = 4, MASTER_SECONDS = 80 };

static struct decoder_pool *pool;
static struct reference masters[MASTERS];

static struct decoder *open_file(const char *name)
{
    struct decoder *decoder = NULL;
    struct error err = {0};
    int fd = sound_open(name);
    if (decoder_open(&decoder, pool, fd, &err) != STATUS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    (void)close(fd);
    return decoder;
}

/* What the catalog keeps of a file; by way of its stored form. */
static struct reference refer_to(const char *name)
{
    struct decoder *decoder = open_file(name);
    struct reference reference = {
        .duration_ms = decoder_facts(decoder)->duration_ms,
        .advisory = decoder_facts(decoder)->tags.advisory,
    };
    struct buffer packed = {0};
    assert_int_equal(
        fingerprint_pack(&packed, decoder_fingerprint(decoder), NULL),
        STATUS_OK);
    assert_int_equal(
        fingerprint_unpack(&reference.print, packed.bytes, packed.length, NULL),
        STATUS_OK);
    buffer_clear(&packed);
    decoder_close(decoder);
    return reference;
}

static int set_up(void **state)
{
    int rc = sound_set_up(state);
    if (rc != 0) {
        return rc;
    }
    assert_int_equal(decoder_pool_open(&pool,
                                       sound_program("bin", "refrain-decoder"),
                                       2, NULL),
                     STATUS_OK);
    for (int i = 0; i < MASTERS; i++) {
        char name[32];
        sound_run("$compose %d %d >m%d.wav", 100 + i, MASTER_SECONDS, i);
        (void)snprintf(name, sizeof name, "m%d.wav", i);
        masters[i] = refer_to(name);
    }
    return 0;
}

static int tear_down(void **state)
{
    for (int i = 0; i < MASTERS; i++) {
        fingerprint_clear(&masters[i].print);
    }
    decoder_pool_close(pool);
    return sound_tear_down(state);
}

static struct verdict
match_among(const char *name, const struct reference *references, size_t count)
{
    struct decoder *decoder = open_file(name);
    struct verdict verdict;
    struct error err = {0};
    if (decoder_match(&verdict, decoder, references, count, &err) !=
        STATUS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    decoder_close(decoder);
    return verdict;
}

static struct verdict match(const char *name)
{
    return match_among(name, masters, MASTERS);
}

static void assert_matched(const char *name, int best)
{
    struct verdict verdict = match(name);
    if (verdict.kind != VERDICT_MATCHED || verdict.best != best) {
        fail_msg("%s: kind %d, best %d, bit error rate %.3f, score %.2f", name,
                 (int)verdict.kind, verdict.best, verdict.bit_error_rate,
                 verdict.edition_score);
    }
    assert_true(verdict.bit_error_rate <= .05);
    assert_true(verdict.aligned_ms >= 70000);
    assert_int_equal(verdict.difference_count, 0);
    assert_int_equal(verdict.runner_up, VERDICT_NONE);
}

/* Another edition of `best`, with a difference within 2 s of `at_s`. */
static void assert_other_edition(const char *name, int best, uint32_t at_s)
{
    struct verdict verdict = match(name);
    bool found = false;
    if (verdict.kind != VERDICT_OTHER_EDITION || verdict.best != best) {
        fail_msg("%s: kind %d, best %d, bit error rate %.3f, score %.2f", name,
                 (int)verdict.kind, verdict.best, verdict.bit_error_rate,
                 verdict.edition_score);
    }
    for (size_t i = 0; i < verdict.difference_count; i++) {
        const struct stretch *stretch = &verdict.differences[i];
        found = found || (stretch->start_ms <= (at_s + 2) * 1000 &&
                          stretch->end_ms + 2000 >= at_s * 1000);
    }
    if (!found) {
        fail_msg("%s: nothing shown at %u s", name, at_s);
    }
}

static void rips_of_every_kind_are_matched(void **state)
{
    static const struct {
        const char *name;
        const char *options;
    } rips[] = {
        {"r1.mp3", "-b:a 192k"},      {"r2.mp3", "-b:a 128k -ar 48000"},
        {"r3.m4a", "-b:a 128k"},      {"r4.ogg", "-c:a libvorbis -q:a 3"},
        {"r5.opus", "-b:a 64k"},      {"r6.mp3", "-b:a 128k -af volume=-9dB"},
        {"r7.mp3", "-b:a 96k -ac 1"}, {"r8.flac", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rips / sizeof rips[0]; i++) {
        int master = (int)(i % MASTERS);
        sound_run("ffmpeg -v error -i m%d.wav %s %s", master, rips[i].options,
                  rips[i].name);
        assert_matched(rips[i].name, master);
    }
}

/* Property: wherever within the hop a rip begins, it is matched with next to
 * no bit errors, and the offset is what was cut off. */
static void the_phase_of_the_hop_does_not_matter(void **state)
{
    (void)state;
    for (int sixteenth = 0; sixteenth < 16; sixteenth += 3) {
        double cut_s = (200 + sixteenth) * 1365. / 16 / 11025;
        sound_run("ffmpeg -v error -y -ss %f -i m1.wav phase.wav", cut_s);
        assert_matched("phase.wav", 1);
        struct verdict verdict = match("phase.wav");
        assert_true(verdict.bit_error_rate < .02);
        assert_true(abs(verdict.offset_ms + (int)(cut_s * 1000)) <= 9);
    }
}

static void quiet_around_a_rip_does_not_matter(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i m2.wav -af "
              "'adelay=2500:all=1,apad=pad_dur=4' -b:a 128k quiet.mp3");
    assert_matched("quiet.mp3", 2);
    assert_in_range(match("quiet.mp3").offset_ms, 2400, 2600);
}

static void a_cut_out_piece_is_another_edition(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i m0.wav -filter_complex "
              "'[0]atrim=0:30[a];[0]atrim=50,asetpts=PTS-STARTPTS[b];"
              "[a][b]concat=n=2:v=0:a=1' -b:a 128k cut.mp3");
    assert_other_edition("cut.mp3", 0, 30);
}

static void a_repeated_piece_is_another_edition(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i m0.wav -filter_complex "
              "'[0]atrim=0:45[a];[0]atrim=25,asetpts=PTS-STARTPTS[b];"
              "[a][b]concat=n=2:v=0:a=1' -b:a 128k again.mp3");
    assert_other_edition("again.mp3", 0, 45);
}

static void another_half_is_another_edition(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i m1.wav -i m2.wav -filter_complex "
              "'[0]atrim=0:40[a];[1]atrim=40,asetpts=PTS-STARTPTS[b];"
              "[a][b]concat=n=2:v=0:a=1' -b:a 128k half.mp3");
    struct verdict verdict = match("half.mp3");
    (void)state;
    assert_int_equal(verdict.kind, VERDICT_OTHER_EDITION);
    assert_true(verdict.best == 1 || verdict.best == 2);
    assert_int_equal(verdict.best + verdict.runner_up, 3);
}

static void a_fade_out_too_early_is_another_edition(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i m3.wav -t 70 -af afade=out:st=65:d=5 "
              "-b:a 128k fade.mp3");
    assert_other_edition("fade.mp3", 3, 68);
}

static void a_changed_word_is_another_edition(void **state)
{
    static const char *const edits[] = {
        "volume=enable='between(t,42,42.5)':volume=0",
        "areverse,volume=enable='between(t,37.3,38)':volume=0,areverse",
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        sound_run("ffmpeg -v error -y -i m2.wav -af \"%s\" -b:a 128k word.mp3",
                  edits[i]);
        assert_other_edition("word.mp3", 2, 42);
    }
    sound_run("ffmpeg -v error -i m2.wav -f lavfi -i sine=f=1000:d=80 "
              "-filter_complex \"[1]volume=enable='not(between(t,20,20.7))':"
              "volume=0[s];[0]volume=enable='between(t,20,20.7)':volume=0[m];"
              "[m][s]amix=duration=first:normalize=0\" -b:a 128k bleep.mp3");
    assert_other_edition("bleep.mp3", 2, 20);
}

/* Both stored: the query is the one that it is. */
static void of_two_editions_the_right_one_is_found(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i m2.wav -f lavfi -i "
              "'aevalsrc=0.4*sin(2000*PI*t)|0.4*sin(2000*PI*t):d=80' "
              "-filter_complex \"[1]volume=enable='not(between(t,50,50.7))':"
              "volume=0[s];[0][s]amix=duration=first:normalize=0\" clean.flac; "
              "ffmpeg -v error -i clean.flac -b:a 128k clean.mp3; "
              "ffmpeg -v error -i m2.wav -b:a 128k explicit.mp3");
    struct reference editions[2] = {masters[2], refer_to("clean.flac")};
    struct verdict verdict = match_among("clean.mp3", editions, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 1);
    assert_int_equal(verdict.runner_up, 0);
    verdict = match_among("explicit.mp3", editions, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 0);
    fingerprint_clear(&editions[1].print);
}

static void the_label_s_word_is_believed(void **state)
{
    struct reference told = masters[3];
    (void)state;
    sound_run("ffmpeg -v error -i m3.wav -metadata ITUNESADVISORY=1 -b:a 128k "
              "told.mp3");
    told.advisory = ADVISORY_EXPLICIT;
    assert_int_equal(match_among("told.mp3", &told, 1).kind, VERDICT_MATCHED);
    told.advisory = ADVISORY_CLEAN;
    assert_int_equal(match_among("told.mp3", &told, 1).kind,
                     VERDICT_OTHER_EDITION);
}

static void other_music_is_unmatched(void **state)
{
    (void)state;
    for (int seed = 500; seed < 506; seed++) {
        sound_run("$compose %d 60 >other.wav", seed);
        struct verdict verdict = match("other.wav");
        assert_int_equal(verdict.kind, VERDICT_UNMATCHED);
        assert_int_equal(verdict.best, VERDICT_NONE);
        assert_true(verdict.bit_error_rate == 1);
    }
    assert_int_equal(match_among("other.wav", NULL, 0).kind, VERDICT_UNMATCHED);
}

static void what_is_no_music_matches_nothing(void **state)
{
    static const char *const sources[] = {
        "anullsrc=r=44100:cl=mono",
        "sine=f=440",
        "sine=f=441",
        "sine=f=100",
        "anoisesrc=c=white:seed=1",
        "anoisesrc=c=white:seed=2",
        "anoisesrc=c=pink:seed=3",
        "anoisesrc=c=pink:seed=4",
    };
    enum { COUNT = sizeof sources / sizeof sources[0] };
    struct reference stored[COUNT];
    char name[32];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        sound_run("ffmpeg -v error -f lavfi -i %s -t 70 n%d.wav", sources[i],
                  i);
        (void)snprintf(name, sizeof name, "n%d.wav", i);
        stored[i] = refer_to(name);
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(name, sizeof name, "n%d.wav", i);
        for (int j = 0; j < COUNT; j++) {
            /* the same noise is the same recording; silence and tones, each
             * like its own kind, are none */
            bool noise = strstr(sources[i], "noise") != NULL;
            struct verdict verdict = match_among(name, &stored[j], 1);
            if (verdict.kind != VERDICT_UNMATCHED && !(noise && i == j)) {
                fail_msg("%s is %s: kind %d, rate %.3f", sources[i], sources[j],
                         (int)verdict.kind, verdict.bit_error_rate);
            }
        }
        assert_int_equal(match(name).kind, VERDICT_UNMATCHED);
    }
    for (int i = 0; i < COUNT; i++) {
        fingerprint_clear(&stored[i].print);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rips_of_every_kind_are_matched),
        cmocka_unit_test(the_phase_of_the_hop_does_not_matter),
        cmocka_unit_test(quiet_around_a_rip_does_not_matter),
        cmocka_unit_test(a_cut_out_piece_is_another_edition),
        cmocka_unit_test(a_repeated_piece_is_another_edition),
        cmocka_unit_test(another_half_is_another_edition),
        cmocka_unit_test(a_fade_out_too_early_is_another_edition),
        cmocka_unit_test(a_changed_word_is_another_edition),
        cmocka_unit_test(of_two_editions_the_right_one_is_found),
        cmocka_unit_test(the_label_s_word_is_believed),
        cmocka_unit_test(other_music_is_unmatched),
        cmocka_unit_test(what_is_no_music_matches_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
