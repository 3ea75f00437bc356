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
static struct decoder_pool *master_pool; /* of second looks */

/* What the catalog keeps of a file. */
struct master {
    char name[32];
    struct reference reference;
    struct buffer sketch; /* stored form */
};
static struct master masters[MASTERS];

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

static void draw_sketch(struct buffer *out, struct decoder *decoder)
{
    struct sound sound = decoder_sound(decoder);
    struct sketch sketch;
    assert_int_equal(sketch_make(&sketch, &sound, NULL), STATUS_OK);
    assert_int_equal(sketch_pack(out, &sketch, NULL), STATUS_OK);
    sketch_clear(&sketch);
}

/* Print and sketch by way of their stored forms. master_clear() it. */
static struct master keep(const char *name)
{
    struct decoder *decoder = open_file(name);
    struct master master = {
        .reference = {
            .duration_ms = decoder_facts(decoder)->duration_ms,
            .advisory = decoder_facts(decoder)->tags.advisory,
        }};
    struct buffer packed = {0};
    (void)snprintf(master.name, sizeof master.name, "%s", name);
    assert_int_equal(
        fingerprint_pack(&packed, decoder_fingerprint(decoder), NULL),
        STATUS_OK);
    assert_int_equal(fingerprint_unpack(&master.reference.print, packed.bytes,
                                        packed.length, NULL),
                     STATUS_OK);
    buffer_clear(&packed);
    draw_sketch(&master.sketch, decoder);
    decoder_close(decoder);
    return master;
}

static void master_clear(struct master *master)
{
    fingerprint_clear(&master->reference.print);
    buffer_clear(&master->sketch);
}

static int set_up(void **state)
{
    const char *program = NULL;
    int rc = sound_set_up(state);
    if (rc != 0) {
        return rc;
    }
    program = sound_program("bin", "refrain-decoder");
    assert_int_equal(decoder_pool_open(&pool, program, 2, NULL), STATUS_OK);
    assert_int_equal(decoder_pool_open(&master_pool, program, 1, NULL),
                     STATUS_OK);
    for (int i = 0; i < MASTERS; i++) {
        char name[32];
        sound_run("$compose %d %d >m%d.wav", 100 + i, MASTER_SECONDS, i);
        (void)snprintf(name, sizeof name, "m%d.wav", i);
        masters[i] = keep(name);
    }
    return 0;
}

static int tear_down(void **state)
{
    for (int i = 0; i < MASTERS; i++) {
        master_clear(&masters[i]);
    }
    decoder_pool_close(pool);
    decoder_pool_close(master_pool);
    return sound_tear_down(state);
}

static enum status give_sketch(void *context, size_t index, struct sketch *out,
                               struct error *err)
{
    const struct master *stored = context;
    return sketch_unpack(out, stored[index].sketch.bytes,
                         stored[index].sketch.length, err);
}

static enum status give_master(void *context, size_t index,
                               struct decoder **out, struct error *err)
{
    const struct master *stored = context;
    int fd = sound_open(stored[index].name);
    enum status status = decoder_open(out, master_pool, fd, err);
    (void)close(fd);
    return status;
}

static struct verdict match_among(const char *name, struct master *stored,
                                  size_t count)
{
    struct decoder *decoder = open_file(name);
    struct reference references[16];
    const struct reference_source source = {stored, give_sketch, give_master};
    struct verdict verdict;
    struct error err = {0};
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++) {
        references[i] = stored[i].reference;
    }
    if (decoder_match(&verdict, decoder, references, count, &source, &err) !=
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

static void fail_verdict(const char *name, const struct verdict *verdict)
{
    fail_msg("%s: kind %d (%s), best %d, bit error rate %.3f, sketch %.2f, "
             "side %.2f, residual %.1f dB, drift %.1f ppm",
             name, (int)verdict->kind, verdict_cause_word(verdict->cause),
             verdict->best, verdict->bit_error_rate, verdict->sketch_score,
             verdict->side_score, verdict->residual_db, verdict->drift_ppm);
}

static void assert_matched(const char *name, int best)
{
    struct verdict verdict = match(name);
    if (verdict.kind != VERDICT_MATCHED || verdict.best != best) {
        fail_verdict(name, &verdict);
    }
    assert_true(verdict.bit_error_rate <= .05);
    assert_true(verdict.aligned_ms >= 45000);
    assert_int_equal(verdict.difference_count, 0);
    assert_int_equal(verdict.runner_up, VERDICT_NONE);
}

/* Another edition of `best`, with a difference within 2 s of `at_s`. */
static void assert_other_edition(const char *name, int best, uint32_t at_s)
{
    struct verdict verdict = match(name);
    bool found = false;
    if (verdict.kind != VERDICT_OTHER_EDITION || verdict.best != best) {
        fail_verdict(name, &verdict);
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
        {"r9.opus", "-b:a 32k"},      {"r10.mp3", "-b:a 64k"},
        {"r11.wav", "-ar 22050"},     {"r12.flac", "-af volume=-12dB"},
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

/* What a ripping tool or a gapless album takes off. */
static void a_trim_of_thirty_seconds_is_forgiven(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -ss 30 -i m0.wav -b:a 128k late.mp3; "
              "ffmpeg -v error -t 50 -i m3.wav -b:a 128k early.mp3");
    assert_matched("late.mp3", 0);
    assert_in_range(-match("late.mp3").offset_ms, 29900, 30100);
    assert_matched("early.mp3", 3);
}

/* Two sound cards. (Real music bears 1000 millionths, see tests/eval; of pure
 * tones the pitch is heard.) */
static void a_slow_clock_is_forgiven(void **state)
{
    (void)state;
    sound_run("sox m1.wav -r 44100 slow.wav speed 0.9998; "
              "sox m2.wav -r 44100 fast.wav speed 1.0001");
    assert_matched("slow.wav", 1);
    double ppm = match("slow.wav").drift_ppm;
    assert_true(ppm > 190 && ppm < 210);
    assert_matched("fast.wav", 2);
}

static void another_speed_is_no_match(void **state)
{
    static const char *const speeds[] = {"0.97", "0.99", "1.01", "1.02"};
    (void)state;
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        sound_run("sox m1.wav speed.wav speed %s", speeds[i]);
        assert_int_not_equal(match("speed.wav").kind, VERDICT_MATCHED);
    }
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
    struct master editions[2] = {masters[2], keep("clean.flac")};
    struct verdict verdict = match_among("clean.mp3", editions, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 1);
    assert_int_equal(verdict.runner_up, 0);
    verdict = match_among("explicit.mp3", editions, 2);
    assert_int_equal(verdict.kind, VERDICT_MATCHED);
    assert_int_equal(verdict.best, 0);
    master_clear(&editions[1]);
}

/* A voice 6 dB under the music, of which one word is missing: 0.4 s, in the
 * middle, in one channel, in what the channels do not share. */
static void a_quiet_word_that_is_missing_is_seen(void **state)
{
    static const char *const places[] = {"c0=c0|c1=c0", "c0=c0|c1=0*c0",
                                         "c0=c0|c1=-1*c0"};
    (void)state;
    sound_run("espeak-ng -v en -s 150 -w says.wav 'one two three four five six "
              "seven eight nine ten eleven twelve thirteen fourteen fifteen "
              "sixteen seventeen eighteen nineteen twenty' && "
              "sox says.wav -r 44100 -c 1 voice.wav gain -n -14 pad 30 30");
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        sound_run(
            "for at in 99 32.5; do ffmpeg -v error -y -i m0.wav -i "
            "voice.wav -filter_complex "
            "\"[1]volume=enable='between(t,$at,$at+0.4)':volume=0,pan=stereo|"
            "%s[v];[0][v]amix=duration=first:normalize=0\" at$at.wav; "
            "done; ffmpeg -v error -y -i at32.5.wav -b:a 192k word.mp3; "
            "ffmpeg -v error -y -i at99.wav -b:a 192k whole.mp3",
            places[i]);
        struct master sung = keep("at99.wav");
        struct verdict verdict = match_among("whole.mp3", &sung, 1);
        if (verdict.kind != VERDICT_MATCHED) {
            fail_verdict(places[i], &verdict);
        }
        verdict = match_among("word.mp3", &sung, 1);
        if (verdict.kind != VERDICT_OTHER_EDITION &&
            verdict.kind != VERDICT_HELD) {
            fail_verdict(places[i], &verdict);
        }
        assert_in_range(verdict.differences[0].start_ms, 31500, 33500);
        master_clear(&sung);
    }
}

/* Loudness that was levelled out: surely not the same file; nobody says that it
 * is another song. */
static void another_mastering_is_never_swapped_for_another_edition(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i m1.wav -af "
              "acompressor=threshold=0.05:ratio=8:attack=5:release=80 "
              "-b:a 192k loud.mp3");
    struct verdict verdict = match("loud.mp3");
    assert_true(verdict.kind == VERDICT_MATCHED ||
                verdict.kind == VERDICT_HELD);
}

static void the_label_s_word_is_believed(void **state)
{
    struct master told = masters[3];
    (void)state;
    sound_run("ffmpeg -v error -i m3.wav -metadata ITUNESADVISORY=1 -b:a 128k "
              "told.mp3");
    told.reference.advisory = ADVISORY_EXPLICIT;
    assert_int_equal(match_among("told.mp3", &told, 1).kind, VERDICT_MATCHED);
    told.reference.advisory = ADVISORY_CLEAN;
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
    struct master stored[COUNT];
    char name[32];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        sound_run("ffmpeg -v error -f lavfi -i %s -t 70 n%d.wav", sources[i],
                  i);
        (void)snprintf(name, sizeof name, "n%d.wav", i);
        stored[i] = keep(name);
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
        master_clear(&stored[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rips_of_every_kind_are_matched),
        cmocka_unit_test(the_phase_of_the_hop_does_not_matter),
        cmocka_unit_test(quiet_around_a_rip_does_not_matter),
        cmocka_unit_test(a_trim_of_thirty_seconds_is_forgiven),
        cmocka_unit_test(a_slow_clock_is_forgiven),
        cmocka_unit_test(another_speed_is_no_match),
        cmocka_unit_test(a_cut_out_piece_is_another_edition),
        cmocka_unit_test(a_repeated_piece_is_another_edition),
        cmocka_unit_test(another_half_is_another_edition),
        cmocka_unit_test(a_fade_out_too_early_is_another_edition),
        cmocka_unit_test(a_changed_word_is_another_edition),
        cmocka_unit_test(of_two_editions_the_right_one_is_found),
        cmocka_unit_test(a_quiet_word_that_is_missing_is_seen),
        cmocka_unit_test(
            another_mastering_is_never_swapped_for_another_edition),
        cmocka_unit_test(the_label_s_word_is_believed),
        cmocka_unit_test(other_music_is_unmatched),
        cmocka_unit_test(what_is_no_music_matches_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
