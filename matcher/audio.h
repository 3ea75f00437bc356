/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_AUDIO_H
#define REFRAIN_MATCHER_AUDIO_H

#include "matcher/buffer.h"

#include <stddef.h>
#include <stdint.h>

/** What a decoded file is said to be: shared words of decode, the decoder's
 *  wire and the verdict. */

/** Audio as it is compared: the middle as Chromaprint hears it, and what the
 *  channels do not share (half of left less right), where a voice may hide. */
enum { PCM_RATE_HZ = 11025 };
enum pcm_channel { PCM_MID, PCM_SIDE };
struct pcm {
    int16_t *samples; /* owned, sample_count of them */
    int16_t *side;    /* owned, as many; NULL for a mono file */
    size_t sample_count;
};

/** The containers that Refrain takes (allow-list: every
 *  further demuxer is attack surface). */
enum container {
    CONTAINER_UNKNOWN = 0,
    CONTAINER_MP3,
    CONTAINER_ADTS, /* bare AAC */
    CONTAINER_MP4,
    CONTAINER_FLAC,
    CONTAINER_OGG,
    CONTAINER_WAV,
    CONTAINER_AIFF,
};

/** What the label or the subscriber says of the words (ITUNESADVISORY). */
enum advisory { ADVISORY_UNKNOWN = 0, ADVISORY_EXPLICIT, ADVISORY_CLEAN };

/** Tags, as UTF-8 text; "" where the file says nothing. A longer tag is cut
 *  at a character border. */
enum { TAG_SIZE = 512 };
struct tags {
    char title[TAG_SIZE];
    char artist[TAG_SIZE];
    char album[TAG_SIZE];
    char album_artist[TAG_SIZE];
    char isrc[16];    /* without dashes, upper case */
    char barcode[24]; /* digits only: UPC or EAN */
    char date[32];
    uint32_t disc;  /* 0 unknown */
    uint32_t track; /* 0 unknown */
    enum advisory advisory;
};

/** Everything that decoding found besides the samples. */
struct audio_facts {
    enum container container;
    char codec[16];          /* FFmpeg's decoder name family: "mp3", "aac" */
    uint32_t duration_ms;    /* of the audio that was decoded */
    uint32_t sample_rate_hz; /* of the file */
    uint32_t channels;       /* of the file */
    uint32_t bit_rate;       /* bits a second, 0 unknown */
    struct tags tags;
    struct buffer cover; /* attached picture, opaque; owned; may be empty */
    char cover_type[16]; /* "image/jpeg", "image/png" or "" */
};

/** Free what is owned; zeroed afterwards. Clearing an empty one is fine. */
void pcm_clear(struct pcm *pcm);
void audio_facts_clear(struct audio_facts *facts);

#endif
