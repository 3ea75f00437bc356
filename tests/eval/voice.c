/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* voice SEED VOICE.wav PLACES.tsv SENTENCE.wav... <music: a vocal for a song.
 *
 * Lays spoken sentences over the song, one after the other with pauses, and
 * makes them as loud as the song is: RMS of all speech against RMS of the music
 * under it. Music comes as raw stereo of 16 bits at 22050 Hz, which is also the
 * rate of espeak-ng's sentences (mono).
 *
 * VOICE.wav   as long as the song, mono, 12 dB under that level, so that no
 *             peak of speech is cut
 * PLACES.tsv  where an edit would be heard, a line each: "voice" or "mix",
 *             length in ms, start in ms, level in dB. voice: within a sentence,
 *             speech there no more than 3 dB under its mean; the level is that
 *             of speech over the music at this place. mix: the level of the
 *             music over its mean, at least -10 dB. */

enum {
    RATE_HZ = 22050,
    MAX_SECONDS = 7200,
    MAX_PLACED = 2000,
    MAX_SENTENCES = 400,
    WAV_HEADER_BYTES = 44,
    TRIES = 12,
    MIX_PLACES = 12,
};
static const double VOICE_FILE_GAIN = .251189; /* -12 dB */

struct sound {
    int16_t *samples;
    size_t count; /* frames */
};
struct span {
    size_t start;
    size_t count;
};
struct song {
    struct sound music;  /* stereo, interleaved */
    struct sound speech; /* mono, as long */
    struct span placed[MAX_PLACED];
    size_t placed_count;
    uint64_t draw; /* state of the generator */
};

static void give_up(const char *what)
{
    (void)fprintf(stderr, "voice: %s\n", what);
    exit(1);
}

static void *must_have(void *memory)
{
    if (memory == NULL) {
        give_up("no memory left");
    }
    return memory;
}

static uint64_t draw_below(struct song *song, uint64_t limit)
{
    song->draw = song->draw * UINT64_C(6364136223846793005) +
                 UINT64_C(1442695040888963407);
    return (song->draw >> 33) % limit;
}

static struct sound read_all(FILE *file, size_t channels)
{
    const size_t step = RATE_HZ * channels;
    struct sound sound = {0};
    size_t held = 0;
    size_t got = 0;

    do {
        sound.samples = must_have(
            realloc(sound.samples, (held + step) * sizeof *sound.samples));
        got = fread(sound.samples + held, sizeof *sound.samples, step, file);
        held += got;
    } while (got == step && held / step < MAX_SECONDS);
    sound.count = held / channels;
    return sound;
}

static struct sound read_sentence(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL || fseek(file, WAV_HEADER_BYTES, SEEK_SET) != 0) {
        give_up("cannot read a sentence");
    }
    struct sound sound = read_all(file, 1);
    (void)fclose(file);
    return sound;
}

static double speech_power(const struct song *song, struct span span)
{
    double sum = 0;

    for (size_t i = span.start; i < span.start + span.count; i++) {
        sum += (double)song->speech.samples[i] * song->speech.samples[i];
    }
    return sum;
}

/* Mean of both channels. */
static double music_power(const struct song *song, struct span span)
{
    double sum = 0;

    for (size_t i = 2 * span.start; i < 2 * (span.start + span.count); i++) {
        sum += (double)song->music.samples[i] * song->music.samples[i] / 2;
    }
    return sum;
}

static double over_db(double power, double reference)
{
    return 10 * log10((power + 1) / (reference + 1));
}

/* From the fifth second on, with pauses of 1 to 3 s, to five seconds before
 * the end. */
static void place_sentences(struct song *song, const struct sound *sentences,
                            size_t count)
{
    const size_t margin = 5 * (size_t)RATE_HZ;
    size_t at = margin;

    for (size_t i = 0; song->placed_count < MAX_PLACED; i++) {
        const struct sound *said = &sentences[i % count];
        if (at + said->count + margin > song->music.count) {
            return;
        }
        memcpy(song->speech.samples + at, said->samples,
               said->count * sizeof *said->samples);
        song->placed[song->placed_count++] =
            (struct span){.start = at, .count = said->count};
        at += said->count + RATE_HZ + draw_below(song, UINT64_C(2) * RATE_HZ);
    }
}

/* What speech is multiplied with to be as loud as the music under it. */
static double level_gain(const struct song *song)
{
    double speech = 0;
    double music = 0;

    for (size_t i = 0; i < song->placed_count; i++) {
        speech += speech_power(song, song->placed[i]);
        music += music_power(song, song->placed[i]);
    }
    return sqrt(music / (speech + 1));
}

static double speech_mean(const struct song *song)
{
    double power = 0;
    size_t count = 0;

    for (size_t i = 0; i < song->placed_count; i++) {
        power += speech_power(song, song->placed[i]);
        count += song->placed[i].count;
    }
    return count == 0 ? 0 : power / (double)count;
}

static void list_place(FILE *out, const char *kind, struct span span, double db)
{
    (void)fprintf(out, "%s\t%zu\t%zu\t%.1f\n", kind,
                  span.count * 1000 / RATE_HZ, span.start * 1000 / RATE_HZ, db);
}

static void list_voice_places(FILE *out, struct song *song, size_t length,
                              double gain)
{
    const double mean = speech_mean(song);

    for (size_t i = 0; i < song->placed_count; i++) {
        const struct span said = song->placed[i];
        for (int try = 0; said.count > length && try < TRIES; try++) {
            const struct span span = {
                .start = said.start + draw_below(song, said.count - length),
                .count = length};
            const double power = speech_power(song, span);
            if (power / (double)length >= mean / 2) {
                list_place(
                    out, "voice", span,
                    over_db(power * gain * gain, music_power(song, span)));
                break;
            }
        }
    }
}

static void list_mix_places(FILE *out, struct song *song, size_t length)
{
    const struct span whole = {.count = song->music.count};
    const double mean =
        music_power(song, whole) / (double)(whole.count > 0 ? whole.count : 1);
    const size_t margin = song->music.count / 12;
    int listed = 0;

    for (int try = 0; listed < MIX_PLACES && try < MIX_PLACES * TRIES; try++) {
        const struct span span = {
            .start = margin +
                     draw_below(song, song->music.count - length - 2 * margin),
            .count = length};
        const double db =
            over_db(music_power(song, span) / (double)length, mean);
        if (db >= -10) {
            list_place(out, "mix", span, db);
            listed++;
        }
    }
}

static void list_places(const char *path, struct song *song, double gain)
{
    static const size_t lengths_ms[] = {400, 700, 1500};
    FILE *out = fopen(path, "w");

    if (out == NULL) {
        give_up("cannot write the places");
    }
    for (size_t i = 0; i < sizeof lengths_ms / sizeof *lengths_ms; i++) {
        /* Rounded up, so that the length in ms reads as it was meant. */
        const size_t length = (lengths_ms[i] * RATE_HZ + 999) / 1000;
        list_voice_places(out, song, length, gain);
        list_mix_places(out, song, length);
    }
    if (fclose(out) != 0) {
        give_up("cannot write the places");
    }
}

static void put_u32(uint8_t *at, size_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> 8 * i & 0xff);
    }
}

static void write_wav(const char *path, const struct sound *mono)
{
    uint8_t header[WAV_HEADER_BYTES] =
        "RIFF....WAVEfmt \x10\0\0\0\1\0\1\0....\0\0\0\0\2\0\x10\0data";
    FILE *out = fopen(path, "wb");

    put_u32(header + 4, WAV_HEADER_BYTES - 8 + 2 * mono->count);
    put_u32(header + 24, RATE_HZ);
    put_u32(header + 28, 2 * (size_t)RATE_HZ);
    put_u32(header + 40, 2 * mono->count);
    if (out == NULL || fwrite(header, sizeof header, 1, out) != 1 ||
        fwrite(mono->samples, sizeof *mono->samples, mono->count, out) !=
            mono->count ||
        fclose(out) != 0) {
        give_up("cannot write the voice");
    }
}

static void scale(struct sound *mono, double gain)
{
    for (size_t i = 0; i < mono->count; i++) {
        const double value = mono->samples[i] * gain;
        mono->samples[i] =
            (int16_t)lrint(fmax(INT16_MIN, fmin(INT16_MAX, value)));
    }
}

int main(int argc, char **argv)
{
    static struct song song;
    static struct sound sentences[MAX_SENTENCES];
    size_t count = 0;

    if (argc < 5 || argc - 4 > MAX_SENTENCES) {
        give_up("usage: voice SEED VOICE.wav PLACES.tsv SENTENCE.wav...");
    }
    song.draw = strtoull(argv[1], NULL, 10);
    for (int i = 4; i < argc; i++) {
        sentences[count++] = read_sentence(argv[i]);
    }
    song.music = read_all(stdin, 2);
    if (song.music.count < 20 * (size_t)RATE_HZ) {
        give_up("the song is shorter than 20 s");
    }
    song.speech.count = song.music.count;
    song.speech.samples =
        must_have(calloc(song.speech.count, sizeof *song.speech.samples));
    place_sentences(&song, sentences, count);
    const double gain = level_gain(&song);
    list_places(argv[3], &song, gain);
    scale(&song.speech, gain * VOICE_FILE_GAIN);
    write_wav(argv[2], &song.speech);
    return 0;
}
