/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decode.h"
#include "matcher/fingerprint.h"
#include "tests/unit/matcher/cmocka_all.h"
#include "tests/unit/matcher/sound.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* decode_file by itself, without the sandbox around it: what FFmpeg is told
 * must be enough. */

static enum status decode(struct pcm *pcm, struct audio_facts *facts,
                          const char *name, struct error *err)
{
    struct stat stat;
    int fd = sound_open(name);
    assert_int_equal(fstat(fd, &stat), 0);
    const struct decode_input input = {.fd = fd,
                                       .size_bytes = (uint64_t)stat.st_size};
    enum status status = decode_file(pcm, facts, &input, err);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0); /* not moved */
    (void)close(fd);
    return status;
}

static void assert_refused(const char *name, const char *code)
{
    struct pcm pcm;
    struct audio_facts facts;
    struct error err = {0};
    if (decode(&pcm, &facts, name, &err) != STATUS_INVALID ||
        strcmp(err.code, code) != 0) {
        fail_msg("%s: expected %s, got '%s' %s", name, code, err.code,
                 err.text);
    }
    assert_null(pcm.samples);
    assert_null(facts.cover.bytes);
}

/* Decodes what must decode; facts are the caller's. */
static struct audio_facts decode_good(const char *name)
{
    struct pcm pcm;
    struct audio_facts facts;
    struct error err = {0};
    if (decode(&pcm, &facts, name, &err) != STATUS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    assert_int_equal((uint64_t)pcm.sample_count * 1000 / PCM_RATE_HZ,
                     facts.duration_ms);
    pcm_clear(&pcm);
    return facts;
}

static int set_up(void **state)
{
    int rc = sound_set_up(state);
    if (rc == 0) {
        decode_prepare();
        sound_run("$compose 7 20 >music.wav");
        sound_run("ffmpeg -v error -f lavfi -i color=red:s=64x64 -frames:v 1 "
                  "cover.png");
    }
    return rc;
}

static const char tags[] =
    "-metadata title='Caf\xc3\xa9 \xf0\x9f\x8e\xb5' -metadata artist=Singer "
    "-metadata album=Record -metadata album_artist=Band "
    "-metadata date=2020-01-02 -metadata track=3/12 -metadata disc=2/2 ";

static void assert_common_tags(const struct tags *got)
{
    assert_string_equal(got->title, "Caf\xc3\xa9 \xf0\x9f\x8e\xb5");
    assert_string_equal(got->artist, "Singer");
    assert_string_equal(got->album, "Record");
    assert_string_equal(got->album_artist, "Band");
    assert_int_equal(got->track, 3);
    assert_int_equal(got->disc, 2);
}

static void assert_png_cover(const struct audio_facts *facts)
{
    struct stat stat;
    assert_int_equal(lstat("cover.png", &stat), 0);
    assert_string_equal(facts->cover_type, "image/png");
    assert_int_equal(facts->cover.length, stat.st_size);
}

static void reads_id3_tags_and_cover(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -i cover.png -map 0 -map 1 "
              "-disposition:v attached_pic -c:v copy %s "
              "-metadata TSRC=us-abc-12-34567 -metadata BARCODE=4006381333931 "
              "-metadata ITUNESADVISORY=1 -b:a 128k tags.mp3",
              tags);
    struct audio_facts facts = decode_good("tags.mp3");
    assert_int_equal(facts.container, CONTAINER_MP3);
    assert_string_equal(facts.codec, "mp3");
    assert_common_tags(&facts.tags);
    assert_string_equal(facts.tags.isrc, "USABC1234567");
    assert_string_equal(facts.tags.barcode, "4006381333931");
    assert_string_equal(facts.tags.date, "2020-01-02");
    assert_int_equal(facts.tags.advisory, ADVISORY_EXPLICIT);
    assert_png_cover(&facts);
    audio_facts_clear(&facts);
}

static void reads_itunes_tags_and_cover(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -i cover.png -map 0 -map 1 "
              "-disposition:v attached_pic -c:v copy %s -metadata rating=2 "
              "-b:a 128k tags.m4a",
              tags);
    struct audio_facts facts = decode_good("tags.m4a");
    assert_int_equal(facts.container, CONTAINER_MP4);
    assert_string_equal(facts.codec, "aac");
    assert_common_tags(&facts.tags);
    assert_png_cover(&facts);
    audio_facts_clear(&facts);
}

static void reads_vorbis_comments_and_cover(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -i cover.png -map 0 -map 1 "
              "-disposition:v attached_pic -c:v copy %s "
              "-metadata ISRC=USABC1234567 -metadata UPC=400638133393 "
              "-metadata ITUNESADVISORY=2 tags.flac",
              tags);
    struct audio_facts facts = decode_good("tags.flac");
    assert_int_equal(facts.container, CONTAINER_FLAC);
    assert_common_tags(&facts.tags);
    assert_string_equal(facts.tags.isrc, "USABC1234567");
    assert_string_equal(facts.tags.barcode, "400638133393");
    assert_int_equal(facts.tags.advisory, ADVISORY_CLEAN);
    assert_png_cover(&facts);
    audio_facts_clear(&facts);
    /* Ogg keeps them with the stream, and RATING there means stars. */
    sound_run("ffmpeg -v error -i music.wav %s -metadata ISRC=USABC1234567 "
              "-metadata RATING=1 -b:a 96k tags.opus",
              tags);
    facts = decode_good("tags.opus");
    assert_int_equal(facts.container, CONTAINER_OGG);
    assert_common_tags(&facts.tags);
    assert_string_equal(facts.tags.isrc, "USABC1234567");
    assert_int_equal(facts.tags.advisory, ADVISORY_UNKNOWN);
    audio_facts_clear(&facts);
}

static void tells_rate_channels_and_bit_rate(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -ar 48000 -ac 1 -b:a 64k m.mp3; "
              "ffmpeg -v error -i music.wav -ac 6 -ar 96000 six.flac; "
              "ffmpeg -v error -i music.wav -ar 8000 low.wav; "
              "ffmpeg -v error -i music.wav -ar 192000 -c:a pcm_s24le h.wav");
    struct audio_facts facts = decode_good("m.mp3");
    assert_int_equal(facts.sample_rate_hz, 48000);
    assert_int_equal(facts.channels, 1);
    assert_in_range(facts.bit_rate, 63000, 66000);
    assert_in_range(facts.duration_ms, 19950, 20050);
    facts = decode_good("six.flac");
    assert_int_equal(facts.sample_rate_hz, 96000);
    assert_int_equal(facts.channels, 6);
    facts = decode_good("low.wav");
    assert_int_equal(facts.sample_rate_hz, 8000);
    facts = decode_good("h.wav");
    assert_int_equal(facts.sample_rate_hz, 192000);
    assert_int_equal(facts.bit_rate, 192000 * 2 * 24);
}

static void follows_a_change_of_rate_and_channels(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -t 10 -ar 44100 -b:a 128k -f adts "
              "a.aac; "
              "ffmpeg -v error -i music.wav -t 10 -ar 22050 -ac 1 -b:a 64k "
              "-f adts b.aac; cat a.aac b.aac >both.aac");
    struct audio_facts facts = decode_good("both.aac");
    assert_in_range(facts.duration_ms, 19500, 20500);
}

static struct pcm hear(const char *name)
{
    struct pcm pcm;
    struct audio_facts facts;
    struct error err = {0};
    if (decode(&pcm, &facts, name, &err) != STATUS_OK) {
        fail_msg("%s: %s", name, err.text);
    }
    audio_facts_clear(&facts);
    return pcm;
}

/* How far `gain` times `of` is from `samples`, dB under `of`; a tenth of a
 * second at either end, where filters meet nothing, is left out. */
static double error_db(const int16_t *samples, const int16_t *of, size_t count,
                       double gain)
{
    enum { END = PCM_RATE_HZ / 10 };
    double error = 0;
    double power = 0;
    for (size_t i = END; i + END < count; i++) {
        double missed = samples[i] - gain * of[i];
        error += missed * missed;
        power += (double)of[i] * of[i];
    }
    return 10 * log10((error + 1) / (power + 1));
}

/* What panning does to sines up to 2.5 kHz, which both filters let through: the
 * side is g times the mid, sample for sample, at every rate. That they lie at
 * the same time is part of it: a quarter of a sample off at 2.5 kHz is -9 dB.
 */
static void the_side_is_half_of_left_less_right(void **state)
{
    static const struct {
        const char *left; /* ffmpeg's pan */
        const char *right;
        double side_of_mid;
    } pans[] = {
        {"c0", "c0", 0},     {"c0", "0*c0", 1},        {"0*c0", "c0", -1},
        {"c0", "-.5*c0", 3}, {".75*c0", ".25*c0", .5}, {".2*c0", ".8*c0", -.6},
    };
    static const char *const rates[] = {"44100", "48000", "22050", "32000",
                                        "96000"};
    (void)state;
    for (size_t i = 0; i < sizeof pans / sizeof pans[0]; i++) {
        for (size_t j = 0; j < sizeof rates / sizeof rates[0]; j++) {
            sound_run("ffmpeg -v error -y -f lavfi -i "
                      "\"aevalsrc='.3*sin(2*PI*(300+200*t)*t)':s=%s:d=5,"
                      "pan=stereo|c0=%s|c1=%s\" pan.flac",
                      rates[j], pans[i].left, pans[i].right);
            struct pcm pcm = hear("pan.flac");
            assert_non_null(pcm.side);
            double missed = error_db(pcm.side, pcm.samples, pcm.sample_count,
                                     pans[i].side_of_mid);
            if (missed > -35) {
                fail_msg("%s|%s at %s: %.1f dB", pans[i].left, pans[i].right,
                         rates[j], missed);
            }
            pcm_clear(&pcm);
        }
    }
}

/* Left against right: nothing is left in the middle, all is in the side. */
static void opposites_are_all_side(void **state)
{
    (void)state;
    sound_run("sox -n -r 44100 -c 1 -b 16 one.wav synth 5 sine 300:2500 "
              "gain -6; sox -M one.wav '|sox one.wav -p vol -1' against.wav");
    struct pcm one = hear("one.wav");
    struct pcm against = hear("against.wav");
    assert_null(one.side);
    assert_int_equal(one.sample_count, against.sample_count);
    for (size_t i = 0; i < against.sample_count; i++) {
        assert_in_range(against.samples[i] + 1, 0, 2);
    }
    assert_true(error_db(against.side, one.samples, one.sample_count, 1) < -35);
    pcm_clear(&one);
    pcm_clear(&against);
}

/* The same on both sides, exactly: silence, in whatever form samples come. */
static void equal_channels_have_a_silent_side(void **state)
{
    static const char *const forms[] = {
        "-c:a pcm_u8 t.wav",      "-c:a pcm_s16le t.wav",
        "-c:a pcm_s24le t.wav",   "-c:a pcm_f32le t.wav",
        "-c:a flac t.flac",       "-c:a alac t.m4a",
        "-c:a flac -ac 6 t.flac",
    };
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -ac 1 -t 5 alone.wav; "
              "ffmpeg -v error -i alone.wav -ac 2 twice.wav");
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        sound_run("ffmpeg -v error -y -i twice.wav %s", forms[i]);
        struct pcm pcm = hear(strstr(forms[i], "t."));
        assert_non_null(pcm.side);
        for (size_t at = 0; at < pcm.sample_count; at++) {
            assert_int_equal(pcm.side[at], 0);
        }
        pcm_clear(&pcm);
    }
}

/* A file that turns from mono to stereo and back has a side as long as its
 * mid, silent where it was mono. */
static void the_side_is_as_long_as_the_mid(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -f lavfi -i \"aevalsrc='.3*sin(2500*t)|0'"
              ":s=44100:d=5\" -b:a 128k -f adts stereo.aac; "
              "ffmpeg -v error -f lavfi -i \"aevalsrc='.3*sin(2500*t)'"
              ":s=44100:d=5\" -b:a 64k -f adts mono.aac; "
              "cat mono.aac stereo.aac mono.aac >turns.aac");
    struct pcm pcm = hear("turns.aac");
    long quiet_sum = 0;
    long loud_sum = 0;
    assert_non_null(pcm.side);
    assert_in_range(pcm.sample_count, 14 * PCM_RATE_HZ, 16 * PCM_RATE_HZ);
    for (size_t i = 0; i < (size_t)4 * PCM_RATE_HZ; i++) {
        quiet_sum += abs(pcm.side[i]);
        quiet_sum += abs(pcm.side[pcm.sample_count - 1 - i]);
        loud_sum += abs(pcm.side[i + (size_t)11 * PCM_RATE_HZ / 2]);
    }
    assert_int_equal(quiet_sum, 0);
    assert_true(loud_sum > 4L * PCM_RATE_HZ * 1000);
    pcm_clear(&pcm);
}

static void refuses_what_is_no_audio(void **state)
{
    static const char *const files[] = {
        "empty.mp3", "text.mp3",       "random.mp3", "picture.mp3", "tag.mp3",
        "zeros.mp3", "elf.mp3",        "ac3.m4a",    "mp2.mp3",     "wv.flac",
        "video.m4a", "64channels.wav", "0hz.wav",    "moov.m4a",
    };
    (void)state;
    sound_run(": >empty.mp3; cp cover.png picture.mp3; cp /bin/true elf.mp3; "
              "yes 'All work and no play' | head -c 1000000 >text.mp3 || true; "
              "head -c 1000000 /dev/zero >zeros.mp3; "
              "openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 -in zeros.mp3 "
              "-out random.mp3 2>/dev/null; "
              "printf 'ID3\\4\\0\\0\\0\\0\\0\\0' >tag.mp3");
    sound_run("ffmpeg -v error -i music.wav ac3.m4a -c:a ac3; "
              "ffmpeg -v error -i music.wav -c:a ac3 -y ac3.m4a; "
              "ffmpeg -v error -i music.wav -c:a mp2 -f mp2 mp2.mp3; "
              "ffmpeg -v error -i music.wav -c:a wavpack -f wv wv.flac; "
              "ffmpeg -v error -f lavfi -i testsrc=d=5 -c:v mpeg4 -f mp4 "
              "video.m4a; "
              "ffmpeg -v error -i music.wav -b:a 128k m.m4a; "
              "head -c 100000 m.m4a >moov.m4a"); /* its index is at the end */
    /* RIFF, 64 channels at 192 kHz, 4 GB; and a rate of nothing */
    sound_run("{ printf 'RIFF\\377\\377\\377\\377WAVEfmt \\20\\0\\0\\0\\1\\0"
              "\\100\\0\\0\\356\\2\\0\\0\\0\\167\\1\\200\\0\\20\\0data"
              "\\377\\377\\377\\377'; head -c 100000 /dev/zero; } "
              ">64channels.wav; "
              "{ printf 'RIFF\\377\\377\\377\\377WAVEfmt \\20\\0\\0\\0\\1\\0"
              "\\2\\0\\0\\0\\0\\0\\0\\0\\0\\0\\4\\0\\20\\0data"
              "\\377\\377\\377\\377'; head -c 100000 /dev/zero; } >0hz.wav");
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_refused(files[i], "not_audio");
    }
}

static void refuses_what_is_too_short(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -t 2.9 short.flac; "
              "ffmpeg -v error -i music.wav -t 3.1 enough.flac");
    assert_refused("short.flac", "too_short");
    struct audio_facts facts = decode_good("enough.flac");
    assert_int_equal(facts.duration_ms, 3100);
}

/* More than two hours: believed where the container counts, else decoded for
 * two hours and no longer. */
static void refuses_what_is_too_long(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -f lavfi -i anullsrc=r=8000:cl=mono -t 7300 "
              "-compression_level 0 long.flac; "
              "ffmpeg -v error -f lavfi -i anullsrc=r=8000:cl=mono -t 60 "
              "-b:a 8k minute.mp3; "
              "for i in {1..125}; do cat minute.mp3; done >long.mp3");
    assert_refused("long.flac", "too_long");
    assert_refused("long.mp3", "too_long");
}

static void gives_what_a_truncated_file_has(void **state)
{
    static const char *const files[] = {"t.mp3", "t.flac", "t.ogg", "t.m4a",
                                        "t.wav"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        sound_run("ffmpeg -v error -i music.wav -movflags +faststart "
                  "whole_%s; size=$(stat -c %%s whole_%s); "
                  "head -c $((size / 2)) whole_%s >%s",
                  files[i], files[i], files[i], files[i]);
        struct audio_facts facts = decode_good(files[i]);
        assert_in_range(facts.duration_ms, 7000, 13000);
    }
}

static void passes_over_damage(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -b:a 128k damaged.mp3; "
              "for i in 50000 90000 130000 200000; do "
              "head -c 300 /dev/zero | dd of=damaged.mp3 bs=1 seek=$i "
              "conv=notrunc status=none; done");
    struct audio_facts facts = decode_good("damaged.mp3");
    assert_in_range(facts.duration_ms, 18000, 20100);
}

/* A header that was written to a pipe claims 4 GB, an MP3 whatever it likes. */
static void believes_no_length(void **state)
{
    (void)state;
    sound_run("ffmpeg -v error -i music.wav -f wav - | cat >pipe.wav; "
              "ffmpeg -v error -i music.wav -b:a 64k xing.mp3; "
              "at=$(grep -obam1 Info xing.mp3 | head -1 | cut -d: -f1); "
              "printf '\\177\\377\\377\\377' | dd of=xing.mp3 bs=1 "
              "seek=$((at + 8)) conv=notrunc status=none");
    struct audio_facts facts = decode_good("pipe.wav");
    assert_in_range(facts.duration_ms, 19990, 20010);
    facts = decode_good("xing.mp3");
    assert_in_range(facts.duration_ms, 19900, 20100);
}

static void a_cover_that_is_no_picture_is_left(void **state)
{
    (void)state;
    sound_run(
        "cp cover.png fake.png; ffmpeg -v error -i music.wav -i cover.png "
        "-map 0 -map 1 -disposition:v attached_pic -c:v copy fake.mp3; "
        "at=$(grep -obUam1 PNG fake.mp3 | head -1 | cut -d: -f1); "
        "printf 'GIF' | dd of=fake.mp3 bs=1 seek=$at conv=notrunc "
        "status=none");
    struct audio_facts facts = decode_good("fake.mp3");
    assert_string_equal(facts.cover_type, "");
    assert_int_equal(facts.cover.length, 0);
}

/* Fails the test when anybody has connected or opened the file. */
static void assert_untouched(int listener, int watch)
{
    char event[512];
    assert_int_equal(accept(listener, NULL, NULL), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(read(watch, event, sizeof event), -1);
    assert_int_equal(errno, EAGAIN);
}

static int listen_on_loopback(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, length),
                     0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(
        getsockname(listener, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return listener;
}

/* Each made FFmpeg connect or read the file before it was told not to. */
static void a_playlist_reaches_nothing(void **state)
{
    static const char *const files[] = {"hls.mp3",  "hlsfile.mp3", "cat.mp3",
                                        "dash.mp3", "sdp.mp3",     "m3u.mp3",
                                        "pls.mp3",  "imf.mp3"};
    unsigned port = 0;
    (void)state;
    int listener = listen_on_loopback(&port);
    sound_run("cp music.wav secret.wav; u=http://127.0.0.1:%u/a.ts; "
              "h='#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n'; "
              "printf '%%s%%s\n#EXT-X-ENDLIST\n' \"$h\" $u >hls.mp3; "
              "printf '%%sfile://%%s/secret.wav\n#EXT-X-ENDLIST\n' \"$h\" "
              "\"$PWD\" >hlsfile.mp3; "
              "printf 'ffconcat version 1.0\nfile secret.wav\n' >cat.mp3; "
              "printf '<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:"
              "schema:mpd:2011\" type=\"static\"><Period><AdaptationSet>"
              "<Representation><BaseURL>%%s</BaseURL></Representation>"
              "</AdaptationSet></Period></MPD>' $u >dash.mp3; "
              "printf 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1"
              "\nt=0 0\nm=audio %u RTP/AVP 0\n' >sdp.mp3; "
              "printf '%%s\n' $u >m3u.mp3; "
              "printf '[playlist]\nFile1=%%s\n' $u >pls.mp3; "
              "printf '<?xml version=\"1.0\"?><CompositionPlaylist xmlns="
              "\"http://www.smpte-ra.org/schemas/2067-3/2016\"/>' >imf.mp3",
              port, port);
    int watch = inotify_init1(IN_NONBLOCK);
    assert_true(watch >= 0);
    assert_true(inotify_add_watch(watch, "secret.wav", IN_OPEN) >= 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_refused(files[i], "not_audio");
        assert_untouched(listener, watch);
    }
    (void)close(listener);
    (void)close(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_id3_tags_and_cover),
        cmocka_unit_test(reads_itunes_tags_and_cover),
        cmocka_unit_test(reads_vorbis_comments_and_cover),
        cmocka_unit_test(tells_rate_channels_and_bit_rate),
        cmocka_unit_test(follows_a_change_of_rate_and_channels),
        cmocka_unit_test(the_side_is_half_of_left_less_right),
        cmocka_unit_test(opposites_are_all_side),
        cmocka_unit_test(equal_channels_have_a_silent_side),
        cmocka_unit_test(the_side_is_as_long_as_the_mid),
        cmocka_unit_test(refuses_what_is_no_audio),
        cmocka_unit_test(refuses_what_is_too_short),
        cmocka_unit_test(refuses_what_is_too_long),
        cmocka_unit_test(gives_what_a_truncated_file_has),
        cmocka_unit_test(passes_over_damage),
        cmocka_unit_test(believes_no_length),
        cmocka_unit_test(a_cover_that_is_no_picture_is_left),
        cmocka_unit_test(a_playlist_reaches_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, sound_tear_down);
}
