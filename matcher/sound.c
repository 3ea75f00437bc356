/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sound.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SAMPLES = 1 << 18, PIECE_MAX = 1 << 16 };

static enum status read_pcm(void *context, enum pcm_channel channel,
                            uint64_t start, size_t count, int16_t *out,
                            struct error *err)
{
    const struct pcm *pcm = context;
    const int16_t *samples = channel == PCM_MID ? pcm->samples : pcm->side;

    (void)err;
    assert(start <= pcm->sample_count && count <= pcm->sample_count - start);
    memcpy(out, samples + start, count * sizeof *out);
    return STATUS_OK;
}

struct sound sound_of_pcm(const struct pcm *pcm)
{
    /* read_pcm() makes it const again. */
    /* NOLINTNEXTLINE(performance-no-int-to-ptr) */
    return (struct sound){.context = (void *)(uintptr_t)pcm,
                          .sample_count = pcm->sample_count,
                          .has_side = pcm->side != NULL,
                          .read = read_pcm};
}

enum status sound_read(const struct sound *sound, enum pcm_channel channel,
                       int64_t start, size_t count, int16_t *out,
                       struct error *err)
{
    int64_t length = (int64_t)sound->sample_count;
    int64_t end = start + (int64_t)count;
    int64_t from = start < 0 ? 0 : start;
    int64_t until = end > length ? length : end;

    assert(count <= SOUND_READ_MAX);
    if (until <= from) {
        memset(out, 0, count * sizeof *out);
        return STATUS_OK;
    }
    memset(out, 0, (size_t)(from - start) * sizeof *out);
    memset(out + (until - start), 0, (size_t)(end - until) * sizeof *out);
    return sound->read(sound->context, channel, (uint64_t)from,
                       (size_t)(until - from), out + (from - start), err);
}

enum status sound_reader_open(struct sound_reader *out,
                              const struct sound *sound,
                              enum pcm_channel channel, struct error *err)
{
    *out = (struct sound_reader){.sound = sound, .channel = channel};
    out->block = malloc(BLOCK_SAMPLES * sizeof *out->block);
    if (out->block == NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to read sound");
    }
    return STATUS_OK;
}

void sound_reader_close(struct sound_reader *reader)
{
    free(reader->block);
    *reader = (struct sound_reader){0};
}

/* As much as there is, so that a short sound costs a short read. */
static size_t samples_from(const struct sound *sound, int64_t start,
                           size_t count)
{
    int64_t left = (int64_t)sound->sample_count - start;

    if (left >= BLOCK_SAMPLES) {
        return BLOCK_SAMPLES;
    }
    return left > (int64_t)count ? (size_t)left : count;
}

enum status sound_reader_at(struct sound_reader *reader, int64_t start,
                            size_t count, const int16_t **samples,
                            struct error *err)
{
    int64_t end = start + (int64_t)count;

    assert(count <= PIECE_MAX);
    if (start < reader->block_start ||
        end > reader->block_start + (int64_t)reader->block_count) {
        reader->block_count = 0;
        size_t want = samples_from(reader->sound, start, count);
        enum status status = sound_read(reader->sound, reader->channel, start,
                                        want, reader->block, err);
        if (status != STATUS_OK) {
            return status;
        }
        reader->block_start = start;
        reader->block_count = want;
    }
    *samples = reader->block + (start - reader->block_start);
    return STATUS_OK;
}
