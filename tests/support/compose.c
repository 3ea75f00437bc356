/* SPDX-License-Identifier: GPL-3.0-or-later */
/** compose SEED SECONDS: writes a piece of music as WAV (44100 Hz, stereo, 16
 *  bit) to standard output. The same numbers give the same piece; other seeds
 *  give pieces that Chromaprint tells apart (the test `clips` proves it).
 *
 *  Four voices over a drum: a chord that changes with each bar, an arpeggio
 *  and a melody that never repeat (so that an alignment has one answer), and
 *  a bass. Timbres change every four bars. Wavetables and integers only decide
 *  what is played, so that it is quick: 75 s of music take 0.2 s. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    RATE_HZ = 44100,
    TABLE_SIZE = 4096, /* samples of one period */
    TIMBRE_COUNT = 4,
    HARMONICS_MAX = 8,
    SECONDS_MAX = 7200,
    FRAME_BYTES = 4,
    WAV_HEADER_BYTES = 44,
};
static const double PI = 3.14159265358979323846;

struct piece {
    uint64_t random;        /* state of the generator */
    unsigned key;           /* MIDI note of the tonic */
    uint32_t step_frames;   /* of one sixteenth */
    uint32_t step;          /* now playing */
    int chord_root;         /* semitones over the tonic */
    const float *timbre[3]; /* chord, arpeggio, melody */
    float tables[TIMBRE_COUNT][TABLE_SIZE];
    uint32_t phase[6]; /* 0-2 chord, 3 arpeggio, 4 melody, 5 bass */
    uint32_t pitch[6]; /* phase increment a frame */
};

/* splitmix64 (Steele, Lea, Flood 2014): every seed gives a good sequence. */
static uint64_t next_random(struct piece *piece)
{
    piece->random += 0x9e3779b97f4a7c15U;
    uint64_t z = piece->random;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static unsigned pick(struct piece *piece, unsigned count)
{
    return (unsigned)(next_random(piece) % count);
}

static void make_timbre(struct piece *piece, float table[TABLE_SIZE])
{
    double amplitude[HARMONICS_MAX];
    double sum = 0;

    for (int h = 0; h < HARMONICS_MAX; h++) {
        amplitude[h] = (1 + pick(piece, 8)) / (double)((h + 1) * (h + 2));
        sum += amplitude[h];
    }
    for (int i = 0; i < TABLE_SIZE; i++) {
        double value = 0;
        for (int h = 0; h < HARMONICS_MAX; h++) {
            value += amplitude[h] * sin(2 * PI * (h + 1) * i / TABLE_SIZE);
        }
        table[i] = (float)(value / sum);
    }
}

/* Phase increment of a MIDI note, 2^32 being one period. */
static uint32_t pitch_of(unsigned note)
{
    double hz = 440.0 * pow(2.0, ((double)note - 69.0) / 12.0);

    return (uint32_t)(hz / RATE_HZ * 4294967296.0);
}

static void start_bar(struct piece *piece)
{
    static const int roots[] = {0, 2, 4, 5, 7, 9};
    static const unsigned chords[][3] = {
        {0, 4, 7}, {0, 3, 7}, {0, 5, 7}, {0, 4, 9}};
    const unsigned *chord = chords[pick(piece, 4)];

    piece->chord_root = roots[pick(piece, 6)];
    unsigned base = piece->key + (unsigned)piece->chord_root;
    for (int voice = 0; voice < 3; voice++) {
        piece->pitch[voice] = pitch_of(base + chord[voice]);
    }
    piece->pitch[5] = pitch_of(base - 24);
    if (piece->step % 64 == 0) {
        for (int voice = 0; voice < 3; voice++) {
            piece->timbre[voice] = piece->tables[pick(piece, TIMBRE_COUNT)];
        }
    }
}

static void start_step(struct piece *piece)
{
    static const unsigned scale[] = {0, 2, 4, 5, 7, 9, 11, 12, 14, 16};

    if (piece->step % 16 == 0) {
        start_bar(piece);
    }
    piece->pitch[3] = pitch_of(piece->key + 12 + scale[pick(piece, 10)]);
    if (pick(piece, 3) == 0) {
        piece->pitch[4] = pitch_of(piece->key + 24 + scale[pick(piece, 8)]);
    }
}

static float play(struct piece *piece, int voice, const float *table)
{
    piece->phase[voice] += piece->pitch[voice];
    return table[piece->phase[voice] >> 20];
}

static int16_t to_sample(float value)
{
    return (int16_t)lrintf(fmaxf(-1.0F, fminf(1.0F, value)) * 32000.0F);
}

static void play_frame(struct piece *piece, uint32_t position, int16_t out[2])
{
    float decay =
        1.0F - 0.8F * (float)position / (float)(piece->step_frames + 1);
    float chord = 0;
    for (int voice = 0; voice < 3; voice++) {
        chord += play(piece, voice, piece->timbre[0]);
    }
    float arpeggio = decay * play(piece, 3, piece->timbre[1]);
    float melody = play(piece, 4, piece->timbre[2]);
    float bass = play(piece, 5, piece->tables[0]);
    float noise = (float)(next_random(piece) >> 40) / 16777216.0F - 0.5F;
    float drum = piece->step % 4 == 0 ? noise * decay * decay * decay : 0;
    float middle = 0.10F * chord + 0.2F * bass + 0.1F * drum;

    out[0] = to_sample(middle + 0.25F * arpeggio + 0.15F * melody);
    out[1] = to_sample(middle + 0.15F * arpeggio + 0.25F * melody);
}

static void put32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static int write_header(uint32_t frame_count)
{
    uint8_t header[WAV_HEADER_BYTES] = "RIFF....WAVEfmt ";

    put32(header + 4, frame_count * FRAME_BYTES + WAV_HEADER_BYTES - 8);
    put32(header + 16, 16);
    header[20] = 1; /* PCM */
    header[22] = 2; /* channels */
    put32(header + 24, RATE_HZ);
    put32(header + 28, RATE_HZ * FRAME_BYTES);
    header[32] = FRAME_BYTES;
    header[34] = 16;                /* bits */
    put32(header + 36, 0x61746164); /* "data" */
    put32(header + 40, frame_count * FRAME_BYTES);
    return fwrite(header, sizeof header, 1, stdout) == 1 ? 0 : -1;
}

static int write_piece(struct piece *piece, uint32_t frame_count)
{
    uint32_t position = 0;

    for (uint32_t frame = 0; frame < frame_count; frame++, position++) {
        if (frame == 0 || position == piece->step_frames) {
            piece->step += frame > 0;
            position = 0;
            start_step(piece);
        }
        int16_t samples[2];
        play_frame(piece, position, samples);
        if (fwrite(samples, sizeof samples, 1, stdout) != 1) {
            return -1;
        }
    }
    return fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct piece piece;
    unsigned long seconds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

    if (seconds == 0 || seconds > SECONDS_MAX) {
        (void)fputs("usage: compose SEED SECONDS (1 to 7200) > FILE.wav\n",
                    stderr);
        return 2;
    }
    piece.random = strtoul(argv[1], NULL, 10);
    piece.key = 48 + pick(&piece, 12);
    piece.step_frames = RATE_HZ / (5 + pick(&piece, 4)); /* 5-8 notes a s */
    for (int i = 0; i < TIMBRE_COUNT; i++) {
        make_timbre(&piece, piece.tables[i]);
    }
    piece.pitch[4] = pitch_of(piece.key + 24);
    uint32_t frame_count = (uint32_t)seconds * RATE_HZ;
    if (write_header(frame_count) != 0 ||
        write_piece(&piece, frame_count) != 0) {
        perror("compose: cannot write to standard output");
        return 1;
    }
    return 0;
}
