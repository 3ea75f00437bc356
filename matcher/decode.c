/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/decode.h"

#include "matcher/fingerprint.h"
#include "matcher/tags.h"

#include <assert.h>
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/cpu.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    IO_BUFFER_BYTES = 64 * 1024,
    /* The smallest packet of an allowed codec is 2.5 ms of Opus: two hours of
     * them, and some that do not decode. */
    MAX_PACKETS = 4 * 1000 * 1000,
    MAX_SAMPLES = DECODE_MAX_MS / 1000 * PCM_RATE_HZ,
    /* Samples are given room for ten minutes at a time: 13 MB, which realloc()
     * moves by its pages (mremap), so that there is never a second copy. */
    MORE_SAMPLES = 10 * 60 * PCM_RATE_HZ,
    /* Taps of the resamplers at 11025 Hz: fpcalc's 16, half of them for the
     * side. */
    MID_FILTER = 16,
    SIDE_FILTER = 8,
    /* A window for so few: at 44.1 kHz all passes up to 2.8 kHz, and 50 dB less
     * above 6 kHz. FFmpeg's 9 would reach from 1.3 to 7.6 kHz. */
    SIDE_KAISER_BETA = 5,
};

/* FFmpeg's names. Debian's build has 338 demuxers and 202 audio decoders; every
 * one beyond these is attack surface. "mov" is the MP4 family. */
static const char demuxers[] = "mp3,aac,flac,ogg,wav,w64,aiff,"
                               "mov,mp4,m4a,3gp,3g2,mj2";
static const char codecs[] =
    "mp3,mp3float,aac,flac,vorbis,opus,alac,pcm_u8,pcm_s16le,pcm_s24le,"
    "pcm_s32le,pcm_f32le,pcm_s16be,pcm_s24be,pcm_s32be";

/* The file as FFmpeg's AVIO sees it. */
struct source {
    int fd;
    int64_t position;
    int64_t size_bytes;
};

/* What the resampler is set up for: a file may change it on the way. */
struct shape {
    int rate_hz;
    int sample_format;
    AVChannelLayout layout;
};

/* One channel of what comes out. */
struct track {
    SwrContext *resampler; /* NULL until the first frame that has it */
    int16_t *samples;      /* owned */
    size_t sample_count;
    size_t capacity;
};

struct decoding {
    const struct decode_input *input;
    struct source source;
    AVFormatContext *format;
    AVIOContext *io;
    AVStream *stream; /* borrowed from format */
    AVCodecContext *codec;
    struct shape shape;
    AVPacket *packet;
    AVFrame *frame;
    enum container container;
    struct track mid;
    struct track side;    /* without samples as long as all is mono */
    SwrContext *splitter; /* gives what the side's resampler takes */
    uint8_t *split;       /* a frame of it, in split_bytes */
    unsigned split_bytes;
    uint64_t packet_bytes; /* of packets of the stream */
    int64_t audio_start;   /* byte position of the first packet, or -1 */
    size_t good_packets;
    size_t damaged_packets;
    uint32_t reported_ms;
};

static int source_read(void *opaque, uint8_t *to, int size)
{
    struct source *source = opaque;
    ssize_t got;

    do {
        got = pread(source->fd, to, (size_t)size, source->position);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return AVERROR(errno);
    }
    if (got == 0) {
        return AVERROR_EOF;
    }
    source->position += got;
    return (int)got;
}

static int64_t source_seek(void *opaque, int64_t offset, int whence)
{
    struct source *source = opaque;
    int64_t to;

    switch (whence & ~AVSEEK_FORCE) {
    case AVSEEK_SIZE:
        return source->size_bytes;
    case SEEK_SET:
        to = 0;
        break;
    case SEEK_CUR:
        to = source->position;
        break;
    case SEEK_END:
        to = source->size_bytes;
        break;
    default:
        return AVERROR(EINVAL);
    }
    if (offset > INT64_MAX - to || to + offset < 0) {
        return AVERROR(EINVAL);
    }
    source->position = to + offset;
    return source->position;
}

/* A playlist or an external reference wants a second file: never. Without this
 * a playlist named .mp3 made FFmpeg connect and read local files (measured). */
static int refuse_open(AVFormatContext *format, AVIOContext **io,
                       const char *url, int flags, AVDictionary **options)
{
    (void)format;
    (void)io;
    (void)url;
    (void)flags;
    (void)options;
    return AVERROR(EACCES);
}

static enum status not_audio(struct error *err, const char *what)
{
    return error_set(err, STATUS_INVALID, "not_audio",
                     "%s: send MP3, AAC, ALAC, FLAC, Vorbis, Opus, WAV or AIFF",
                     what);
}

static enum status too_long(struct error *err)
{
    return error_set(err, STATUS_INVALID, "too_long",
                     "the audio is longer than %d hours: split it into songs",
                     DECODE_MAX_MS / 1000 / 3600);
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no_memory",
                     "no memory left to decode with");
}

/* FFmpeg's error as ours: only memory is not the file's fault. */
static enum status ffmpeg_failed(struct error *err, int code, const char *what)
{
    return code == AVERROR(ENOMEM) ? no_memory(err) : not_audio(err, what);
}

static enum container container_of(const char *name)
{
    static const struct {
        const char *name;
        enum container container;
    } table[] = {
        {"mp3", CONTAINER_MP3}, {"aac", CONTAINER_ADTS},
        {"mov", CONTAINER_MP4}, {"flac", CONTAINER_FLAC},
        {"ogg", CONTAINER_OGG}, {"wav", CONTAINER_WAV},
        {"w64", CONTAINER_WAV}, {"aiff", CONTAINER_AIFF},
    };
    size_t length = strcspn(name, ","); /* "mov,mp4,m4a,3gp,3g2,mj2" */

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strlen(table[i].name) == length &&
            strncmp(table[i].name, name, length) == 0) {
            return table[i].container;
        }
    }
    return CONTAINER_UNKNOWN;
}

static int open_format(struct decoding *decoding)
{
    AVDictionary *options = NULL;
    uint8_t *buffer = av_malloc(IO_BUFFER_BYTES);

    if (buffer == NULL) {
        return AVERROR(ENOMEM);
    }
    decoding->io =
        avio_alloc_context(buffer, IO_BUFFER_BYTES, 0, &decoding->source,
                           source_read, NULL, source_seek);
    if (decoding->io == NULL) {
        av_free(buffer);
        return AVERROR(ENOMEM);
    }
    decoding->format = avformat_alloc_context();
    if (decoding->format == NULL) {
        return AVERROR(ENOMEM);
    }
    decoding->format->pb = decoding->io;
    decoding->format->io_open = refuse_open;
    int rc = 0;
    if (av_dict_set(&options, "format_whitelist", demuxers, 0) < 0 ||
        av_dict_set(&options, "codec_whitelist", codecs, 0) < 0 ||
        av_dict_set(&options, "protocol_whitelist", "", 0) < 0 ||
        av_dict_set(&options, "max_streams", "16", 0) < 0) {
        rc = AVERROR(ENOMEM);
    }
    if (rc == 0) {
        /* frees and forgets decoding->format on failure */
        rc = avformat_open_input(&decoding->format, "", NULL, &options);
    }
    av_dict_free(&options);
    return rc;
}

static bool rate_and_channels_allowed(int rate_hz, int channels)
{
    return rate_hz >= DECODE_MIN_RATE_HZ && rate_hz <= DECODE_MAX_RATE_HZ &&
           channels >= 1 && channels <= DECODE_MAX_CHANNELS;
}

/* The allow-list must stand on our own codec context: on the format context
 * alone it let MP2 through (measured). */
static int open_codec(struct decoding *decoding, const AVCodec *codec)
{
    AVDictionary *options = NULL;

    decoding->codec = avcodec_alloc_context3(codec);
    if (decoding->codec == NULL) {
        return AVERROR(ENOMEM);
    }
    int rc = avcodec_parameters_to_context(decoding->codec,
                                           decoding->stream->codecpar);
    if (rc < 0) {
        return rc;
    }
    decoding->codec->thread_count = 1; /* the sandbox refuses threads */
    decoding->codec->pkt_timebase = decoding->stream->time_base;
    if (av_dict_set(&options, "codec_whitelist", codecs, 0) < 0) {
        return AVERROR(ENOMEM);
    }
    rc = avcodec_open2(decoding->codec, codec, &options);
    av_dict_free(&options);
    return rc;
}

/* How long the container says the audio is, where that can be believed; else
 * 0. MP3 and ADTS only estimate it, and a WAV header that was written to a pipe
 * claims 4 GB: there the bytes that exist are the bound. */
static int64_t claimed_ms(const struct decoding *decoding)
{
    const AVCodecParameters *codec = decoding->stream->codecpar;
    int64_t duration = decoding->format->duration;

    if (duration <= 0) {
        return 0;
    }
    duration /= AV_TIME_BASE / 1000;
    switch (decoding->container) {
    case CONTAINER_MP4:
    case CONTAINER_FLAC:
    case CONTAINER_OGG:
        return duration;
    case CONTAINER_WAV:
    case CONTAINER_AIFF:
        if (av_get_bits_per_sample(codec->codec_id) > 0 &&
            codec->bit_rate > 0) {
            int64_t held_ms =
                decoding->source.size_bytes * 8 / codec->bit_rate * 1000;
            return FFMIN(duration, held_ms);
        }
        return 0;
    default:
        return 0;
    }
}

static enum status open_input(struct decoding *decoding, struct error *err)
{
    int rc = open_format(decoding);
    if (rc < 0) {
        return ffmpeg_failed(err, rc, "the file is no audio that is taken");
    }
    decoding->container = container_of(decoding->format->iformat->name);
    rc = avformat_find_stream_info(decoding->format, NULL);
    if (rc < 0) {
        return ffmpeg_failed(err, rc, "the file holds no readable audio");
    }
    const AVCodec *codec = NULL;
    rc = av_find_best_stream(decoding->format, AVMEDIA_TYPE_AUDIO, -1, -1,
                             &codec, 0);
    if (rc < 0) {
        return ffmpeg_failed(err, rc, "the file holds no readable audio");
    }
    decoding->stream = decoding->format->streams[rc];
    for (unsigned i = 0; i < decoding->format->nb_streams; i++) {
        if (decoding->format->streams[i] != decoding->stream) {
            decoding->format->streams[i]->discard = AVDISCARD_ALL;
        }
    }
    const AVCodecParameters *parameters = decoding->stream->codecpar;
    if (!rate_and_channels_allowed(parameters->sample_rate,
                                   parameters->ch_layout.nb_channels)) {
        return not_audio(err, "the sample rate is outside 8-192 kHz or there "
                              "are more than 8 channels");
    }
    if (claimed_ms(decoding) > DECODE_MAX_MS) {
        return too_long(err);
    }
    rc = open_codec(decoding, codec);
    if (rc < 0) {
        return ffmpeg_failed(err, rc, "the file's codec is not taken");
    }
    decoding->packet = av_packet_alloc();
    decoding->frame = av_frame_alloc();
    return decoding->packet == NULL || decoding->frame == NULL ? no_memory(err)
                                                               : STATUS_OK;
}

/* Room for `more` samples. */
static enum status reserve_samples(struct track *track, size_t more,
                                   struct error *err)
{
    size_t needed = track->sample_count + more;

    if (needed <= track->capacity) {
        return STATUS_OK;
    }
    size_t capacity = needed + MORE_SAMPLES;
    int16_t *samples = realloc(track->samples, capacity * sizeof *samples);
    if (samples == NULL) {
        return no_memory(err);
    }
    track->samples = samples;
    track->capacity = capacity;
    return STATUS_OK;
}

static uint32_t heard_ms(const struct decoding *decoding)
{
    return (uint32_t)((uint64_t)decoding->mid.sample_count * 1000 /
                      PCM_RATE_HZ);
}

/* Resamples `in_count` samples, or with NULL what the resampler still holds. */
static enum status resample(struct track *track, const uint8_t **from,
                            int in_count, struct error *err)
{
    int room = swr_get_out_samples(track->resampler, in_count);

    if (room <= 0) {
        return STATUS_OK;
    }
    enum status status = reserve_samples(track, (size_t)room, err);
    if (status != STATUS_OK) {
        return status;
    }
    uint8_t *to = (uint8_t *)(track->samples + track->sample_count);
    int got = swr_convert(track->resampler, &to, room, from, in_count);
    if (got < 0) {
        return ffmpeg_failed(err, got, "the audio cannot be resampled");
    }
    track->sample_count += (size_t)got;
    return track->sample_count > MAX_SAMPLES ? too_long(err) : STATUS_OK;
}

/* What the channels do not share, of as many samples. */
static enum status resample_side(struct decoding *decoding,
                                 const uint8_t **from, int in_count,
                                 struct error *err)
{
    av_fast_malloc(&decoding->split, &decoding->split_bytes,
                   ((size_t)in_count + 1) * sizeof(float)); /* never none */
    if (decoding->split == NULL) {
        return no_memory(err);
    }
    const uint8_t *split = decoding->split;
    int got = swr_convert(decoding->splitter, &decoding->split, in_count, from,
                          in_count);
    if (got < 0) {
        return ffmpeg_failed(err, got, "the audio cannot be mixed");
    }
    return resample(&decoding->side, &split, got, err);
}

/* Both channels of a frame. */
static enum status hear(struct decoding *decoding, const AVFrame *frame,
                        struct error *err)
{
    const uint8_t **from = (const uint8_t **)frame->extended_data;
    int count = frame->nb_samples;
    enum status status = resample(&decoding->mid, from, count, err);

    if (status == STATUS_OK && decoding->side.resampler != NULL) {
        status = resample_side(decoding, from, count, err);
    }
    uint32_t ms = heard_ms(decoding);
    if (status == STATUS_OK && decoding->input->progress != NULL &&
        ms - decoding->reported_ms >= DECODE_PROGRESS_MS) {
        decoding->input->progress(decoding->input->context, ms);
        decoding->reported_ms = ms;
    }
    return status;
}

/* Gives the side as many samples as the mid has: its shorter filter may end a
 * sample apart, and where the file was mono there was none. */
static enum status level_side(struct decoding *decoding, struct error *err)
{
    struct track *side = &decoding->side;
    size_t count = decoding->mid.sample_count;

    if (side->sample_count < count) {
        size_t missing = count - side->sample_count;
        enum status status = reserve_samples(side, missing, err);
        if (status != STATUS_OK) {
            return status;
        }
        memset(side->samples + side->sample_count, 0,
               missing * sizeof *side->samples);
    }
    side->sample_count = count;
    return STATUS_OK;
}

/* Takes what the resamplers still hold, and ends them. */
static enum status drain(struct decoding *decoding, struct error *err)
{
    struct track *mid = &decoding->mid;
    struct track *side = &decoding->side;
    enum status status = STATUS_OK;

    if (mid->resampler != NULL) {
        status = resample(mid, NULL, 0, err);
    }
    if (status == STATUS_OK && side->resampler != NULL) {
        status = resample(side, NULL, 0, err);
    }
    if (status == STATUS_OK && side->samples != NULL) {
        status = level_side(decoding, err);
    }
    swr_free(&mid->resampler);
    swr_free(&side->resampler);
    swr_free(&decoding->splitter);
    return status;
}

/* Sets up and starts a resampler from `shape`, whose channels are `layout`. Its
 * filter is symmetrical and begins on the first sample: output k is the sound
 * at k / 11025 s whatever the filter's length, so that mid and side lie at the
 * same time. The settings are fpcalc's, which every stored fingerprint in the
 * world was made with (Chromaprint, ffmpeg_audio_processor: SetCompatibleMode).
 * The cut-off of 0.8 ends the sound at 4410 Hz. */
static int open_resampler(SwrContext **out, const struct shape *shape,
                          AVChannelLayout *layout, bool is_side)
{
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;

    int rc = swr_alloc_set_opts2(
        out, &mono, AV_SAMPLE_FMT_S16, PCM_RATE_HZ, layout,
        (enum AVSampleFormat)shape->sample_format, shape->rate_hz, 0, NULL);
    if (rc < 0) {
        return rc;
    }
    int filter_size = is_side ? SIDE_FILTER : MID_FILTER;
    if (av_opt_set_int(*out, "filter_size", filter_size, 0) < 0 ||
        av_opt_set_int(*out, "phase_shift", 8, 0) < 0 ||
        av_opt_set_int(*out, "linear_interp", 1, 0) < 0 ||
        av_opt_set_double(*out, "cutoff", 0.8, 0) < 0) {
        return AVERROR(EINVAL);
    }
    if (is_side &&
        av_opt_set_double(*out, "kaiser_beta", SIDE_KAISER_BETA, 0) < 0) {
        return AVERROR(EINVAL);
    }
    return swr_init(*out);
}

/* Half of the first less the second channel is made before it is resampled: in
 * one go FFmpeg would resample all channels and mix what comes out. What is
 * split are the samples that it would resample: 16 bits or floats. */
static int open_side(struct decoding *decoding, const struct shape *shape,
                     AVChannelLayout *layout)
{
    static const double half_difference[DECODE_MAX_CHANNELS] = {.5, -.5};
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    enum AVSampleFormat format = (enum AVSampleFormat)shape->sample_format;
    const struct shape split = {
        .rate_hz = shape->rate_hz,
        .sample_format = av_get_bytes_per_sample(format) <= 2
                             ? AV_SAMPLE_FMT_S16P
                             : AV_SAMPLE_FMT_FLTP,
    };

    int rc = swr_alloc_set_opts2(
        &decoding->splitter, &mono, (enum AVSampleFormat)split.sample_format,
        split.rate_hz, layout, format, split.rate_hz, 0, NULL);
    if (rc >= 0) {
        rc = swr_set_matrix(decoding->splitter, half_difference,
                            DECODE_MAX_CHANNELS);
    }
    if (rc >= 0) {
        rc = swr_init(decoding->splitter);
    }
    return rc < 0
               ? rc
               : open_resampler(&decoding->side.resampler, &split, &mono, true);
}

static int open_resamplers(struct decoding *decoding)
{
    AVChannelLayout layout = {0};
    const struct shape *shape = &decoding->shape;

    if (shape->layout.order == AV_CHANNEL_ORDER_UNSPEC) {
        av_channel_layout_default(&layout, shape->layout.nb_channels);
    } else if (av_channel_layout_copy(&layout, &shape->layout) < 0) {
        return AVERROR(ENOMEM);
    }
    int rc = open_resampler(&decoding->mid.resampler, shape, &layout, false);
    if (rc >= 0 && layout.nb_channels >= 2) {
        rc = open_side(decoding, shape, &layout);
    }
    av_channel_layout_uninit(&layout);
    return rc;
}

/* Makes the resamplers fit the frame; a file may change rate and channels on
 * the way, and every change is checked again. */
static enum status follow_shape(struct decoding *decoding, const AVFrame *frame,
                                struct error *err)
{
    struct shape *shape = &decoding->shape;

    if (decoding->mid.resampler != NULL &&
        frame->sample_rate == shape->rate_hz &&
        frame->format == shape->sample_format &&
        av_channel_layout_compare(&frame->ch_layout, &shape->layout) == 0) {
        return STATUS_OK;
    }
    if (!rate_and_channels_allowed(frame->sample_rate,
                                   frame->ch_layout.nb_channels)) {
        return not_audio(err, "the file changes to a sample rate outside "
                              "8-192 kHz or to more than 8 channels");
    }
    enum status status = drain(decoding, err);
    if (status != STATUS_OK) {
        return status;
    }
    shape->rate_hz = frame->sample_rate;
    shape->sample_format = frame->format;
    int rc = av_channel_layout_copy(&shape->layout, &frame->ch_layout);
    if (rc >= 0) {
        rc = open_resamplers(decoding);
    }
    if (rc < 0) {
        return ffmpeg_failed(err, rc, "the audio cannot be resampled");
    }
    return decoding->side.resampler == NULL ? STATUS_OK
                                            : level_side(decoding, err);
}

/* Sends one packet (NULL: the end) to the codec and takes what comes out. */
static enum status decode_packet(struct decoding *decoding,
                                 const AVPacket *packet, struct error *err)
{
    int rc = avcodec_send_packet(decoding->codec, packet);
    if (rc == AVERROR(ENOMEM)) {
        return no_memory(err);
    }
    bool damaged = rc < 0;
    bool heard = false;
    while (rc >= 0) {
        rc = avcodec_receive_frame(decoding->codec, decoding->frame);
        if (rc < 0) {
            damaged = rc != AVERROR(EAGAIN) && rc != AVERROR_EOF;
            break;
        }
        heard = true;
        enum status status = follow_shape(decoding, decoding->frame, err);
        if (status == STATUS_OK) {
            status = hear(decoding, decoding->frame, err);
        }
        av_frame_unref(decoding->frame);
        if (status != STATUS_OK) {
            return status;
        }
    }
    decoding->damaged_packets += damaged && packet != NULL;
    decoding->good_packets += heard && !damaged;
    return rc == AVERROR(ENOMEM) ? no_memory(err) : STATUS_OK;
}

static enum status decode_packets(struct decoding *decoding, struct error *err)
{
    enum status status = STATUS_OK;
    AVPacket *packet = decoding->packet;

    assert(packet != NULL);
    for (size_t i = 0; status == STATUS_OK && i < MAX_PACKETS; i++) {
        int rc = av_read_frame(decoding->format, packet);
        if (rc == AVERROR(EAGAIN)) {
            continue;
        }
        if (rc < 0) {
            break; /* the end, or a file that was cut: what came counts */
        }
        if (packet->stream_index == decoding->stream->index) {
            if (decoding->audio_start < 0) {
                decoding->audio_start = packet->pos;
            }
            decoding->packet_bytes += (uint64_t)packet->size;
            status = decode_packet(decoding, packet, err);
        }
        av_packet_unref(packet);
    }
    if (status == STATUS_OK) {
        status = decode_packet(decoding, NULL, err);
    }
    return status == STATUS_OK ? drain(decoding, err) : status;
}

/* Whether what decoded is the file's content or an accident: text can hold
 * what looks like a few MPEG frame headers. */
static bool is_accident(const struct decoding *decoding)
{
    if (decoding->mid.sample_count == 0 ||
        decoding->damaged_packets > decoding->good_packets) {
        return true;
    }
    if (decoding->container != CONTAINER_MP3 &&
        decoding->container != CONTAINER_ADTS) {
        return false;
    }
    int64_t after_tags =
        decoding->source.size_bytes - FFMAX(decoding->audio_start, 0);
    return (int64_t)decoding->packet_bytes < after_tags / 4;
}

static enum status judge_audio(const struct decoding *decoding,
                               struct error *err)
{
    if (is_accident(decoding)) {
        return not_audio(err, "next to nothing of the file decodes");
    }
    if (heard_ms(decoding) < FINGERPRINT_MIN_MS) {
        return error_set(err, STATUS_INVALID, "too_short",
                         "the audio is shorter than %d seconds: nothing can "
                         "be recognised in it",
                         FINGERPRINT_MIN_MS / 1000);
    }
    return STATUS_OK;
}

static void add_tags(struct tags *tags, const AVDictionary *dictionary,
                     enum container container)
{
    enum { MAX_ENTRIES = 1024 };
    const AVDictionaryEntry *entry = NULL;

    for (int i = 0; i < MAX_ENTRIES; i++) {
        entry = av_dict_get(dictionary, "", entry, AV_DICT_IGNORE_SUFFIX);
        if (entry == NULL) {
            break;
        }
        bool atom =
            container == CONTAINER_MP4 && strcmp(entry->key, "rating") == 0;
        tags_add(tags, atom ? "rtng" : entry->key, entry->value);
    }
}

static const char *picture_type(const AVPacket *packet)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff};
    static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    if (packet->size <= (int)sizeof png ||
        packet->size > DECODE_MAX_COVER_BYTES) {
        return NULL;
    }
    if (memcmp(packet->data, jpeg, sizeof jpeg) == 0) {
        return "image/jpeg";
    }
    return memcmp(packet->data, png, sizeof png) == 0 ? "image/png" : NULL;
}

/* The first attached picture that is what it says. */
static enum status take_cover(struct audio_facts *facts,
                              const AVFormatContext *format, struct error *err)
{
    for (unsigned i = 0; i < format->nb_streams; i++) {
        const AVStream *stream = format->streams[i];
        if ((stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0) {
            continue;
        }
        const char *type = picture_type(&stream->attached_pic);
        if (type != NULL) {
            strncpy(facts->cover_type, type, sizeof facts->cover_type - 1);
            return buffer_append(&facts->cover, stream->attached_pic.data,
                                 (size_t)stream->attached_pic.size, err);
        }
    }
    return STATUS_OK;
}

static enum status take_facts(struct audio_facts *facts,
                              const struct decoding *decoding,
                              struct error *err)
{
    facts->container = decoding->container;
    strncpy(facts->codec, avcodec_get_name(decoding->codec->codec_id),
            sizeof facts->codec - 1);
    facts->duration_ms = heard_ms(decoding);
    assert(facts->duration_ms >= FINGERPRINT_MIN_MS); /* judge_audio */
    facts->sample_rate_hz = (uint32_t)decoding->shape.rate_hz;
    facts->channels = (uint32_t)decoding->shape.layout.nb_channels;
    uint64_t bit_rate = decoding->packet_bytes * 8 * 1000 / facts->duration_ms;
    facts->bit_rate = (uint32_t)FFMIN(bit_rate, UINT32_MAX);
    add_tags(&facts->tags, decoding->format->metadata, decoding->container);
    add_tags(&facts->tags, decoding->stream->metadata, decoding->container);
    return take_cover(facts, decoding->format, err);
}

static void close_decoding(struct decoding *decoding)
{
    av_frame_free(&decoding->frame);
    av_packet_free(&decoding->packet);
    swr_free(&decoding->mid.resampler);
    swr_free(&decoding->side.resampler);
    swr_free(&decoding->splitter);
    av_freep(&decoding->split);
    free(decoding->mid.samples);
    free(decoding->side.samples);
    av_channel_layout_uninit(&decoding->shape.layout);
    avcodec_free_context(&decoding->codec);
    avformat_close_input(&decoding->format);
    if (decoding->io != NULL) {
        av_freep(&decoding->io->buffer);
    }
    avio_context_free(&decoding->io);
}

/* Has a codec fill the tables that all later ones of the process and its forks
 * share: 1 ms for each of these. */
static void warm_up(enum AVCodecID id)
{
    AVCodecContext *codec = avcodec_alloc_context3(avcodec_find_decoder(id));

    if (codec != NULL) {
        (void)avcodec_open2(codec, NULL, NULL); /* without a file it may fail */
    }
    avcodec_free_context(&codec);
}

void decode_prepare(void)
{
    av_log_set_level(AV_LOG_QUIET);
    (void)av_cpu_count();
    (void)av_get_cpu_flags();
    warm_up(AV_CODEC_ID_MP3);
    warm_up(AV_CODEC_ID_AAC);
}

enum status decode_file(struct pcm *out, struct audio_facts *facts,
                        const struct decode_input *input, struct error *err)
{
    struct decoding decoding = {
        .input = input,
        .source = {.fd = input->fd, .size_bytes = (int64_t)input->size_bytes},
        .audio_start = -1,
    };

    *out = (struct pcm){0};
    *facts = (struct audio_facts){0};
    if (input->size_bytes > INT64_MAX / 8) {
        return not_audio(err, "no file is this large");
    }
    enum status status = open_input(&decoding, err);
    if (status == STATUS_OK) {
        status = decode_packets(&decoding, err);
    }
    if (status == STATUS_OK) {
        status = judge_audio(&decoding, err);
    }
    if (status == STATUS_OK) {
        status = take_facts(facts, &decoding, err);
    }
    if (status == STATUS_OK) {
        *out = (struct pcm){.samples = decoding.mid.samples,
                            .side = decoding.side.samples,
                            .sample_count = decoding.mid.sample_count};
        decoding.mid.samples = NULL;
        decoding.side.samples = NULL;
    } else {
        audio_facts_clear(facts);
    }
    close_decoding(&decoding);
    return status;
}
