/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "catalog/vault/essence.h"

#include "catalog/vault/essence_internal.h"

#include <assert.h>
#include <string.h>

bool essence_read(struct splitter *s, uint64_t offset, uint8_t *out,
                  size_t length)
{
    uint64_t size = s->source->size_bytes;
    assert(length <= ESSENCE_MAX_READ_BYTES);
    if (s->status != STATUS_OK || s->reads_left == 0 || offset > size ||
        length > size - offset) {
        return false;
    }
    s->reads_left--;
    s->status =
        s->source->read(s->source->context, offset, out, length, s->err);
    return s->status == STATUS_OK;
}

void essence_take_more(struct splitter *s, uint64_t to)
{
    uint64_t end = to < s->end ? to : s->end;
    if (end > s->at) {
        s->out->spans[s->out->span_count - 1].length_bytes += end - s->at;
        s->at = end;
    }
}

void essence_take(struct splitter *s, enum span_kind kind, uint64_t to)
{
    struct essence *out = s->out;
    uint64_t end = to < s->end ? to : s->end;
    if (end <= s->at) {
        return;
    }
    if (out->span_count == 0 || kind == SPAN_ITEM ||
        out->spans[out->span_count - 1].kind != kind) {
        if (out->span_count == ESSENCE_MAX_SPANS - 1) {
            kind = SPAN_SOUND;
            s->end = s->source->size_bytes;
            end = s->end;
        }
        out->spans[out->span_count] = (struct span){.kind = kind};
        out->span_count++;
    }
    essence_take_more(s, end);
}

void essence_take_item(struct splitter *s, uint64_t to)
{
    bool small = to < s->at + ESSENCE_ITEM_MIN_BYTES;
    essence_take(s, small ? SPAN_TAGS : SPAN_ITEM, to);
}

/* By its first bytes; what none of these is, is sound. */
static void take_body(struct splitter *s)
{
    static const struct {
        const char *magic;
        const char *form; /* at 8; NULL: any */
        size_t offset;
        void (*parse)(struct splitter *s);
    } kinds[] = {
        {"fLaC", NULL, 0, essence_flac},   {"OggS", NULL, 0, essence_ogg},
        {"RIFF", "WAVE", 0, essence_riff}, {"RF64", "WAVE", 0, essence_riff},
        {"FORM", "AIFF", 0, essence_aiff}, {"FORM", "AIFC", 0, essence_aiff},
        {"ftyp", NULL, 4, essence_mp4},
    };
    uint8_t head[12];
    if (!essence_read(s, s->at, head, sizeof head)) {
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (memcmp(head + kinds[i].offset, kinds[i].magic, 4) == 0 &&
            (kinds[i].form == NULL ||
             memcmp(head + 8, kinds[i].form, 4) == 0)) {
            kinds[i].parse(s);
            return;
        }
    }
}

enum status essence_split(struct essence *out,
                          const struct essence_source *source,
                          struct error *err)
{
    struct splitter s = {.out = out,
                         .source = source,
                         .end = source->size_bytes,
                         .reads_left = ESSENCE_MAX_READS,
                         .status = STATUS_OK,
                         .err = err};
    assert(source->size_bytes <= ESSENCE_MAX_FILE_BYTES);
    *out = (struct essence){0};
    while (essence_id3v2(&s)) {
    }
    s.end = essence_tail(&s);
    take_body(&s);
    essence_take(&s, SPAN_SOUND, s.end);
    s.end = source->size_bytes;
    essence_take_tail(&s);
    essence_take(&s, SPAN_TAGS, s.end);
    if (s.status != STATUS_OK) {
        essence_clear(out);
    }
    return s.status;
}

void essence_clear(struct essence *essence)
{
    buffer_wipe(&essence->heads);
    *essence = (struct essence){0};
}
