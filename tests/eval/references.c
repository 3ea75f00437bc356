/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/eval/references.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096, STORED_MAX_BYTES = 64 << 20, FIELDS = 4 };

void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "match: %s: %s\n", what, why);
    exit(1);
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);

    if (copy == NULL) {
        give_up(text, "no memory left");
    }
    return copy;
}

/* --- stored ----------------------------------------------------------------
 * Duration in ms, length of the packed print, both as 32 bits; the print, the
 * sketch. */

static void store_path(char *out, size_t size, const char *store,
                       const char *master)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    for (const char *at = master; *at != '\0'; at++) {
        hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
    }
    (void)snprintf(out, size, "%s/%016llx", store, (unsigned long long)hash);
}

static bool read_whole(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    uint8_t block[65536];
    size_t got = 0;

    if (file == NULL) {
        return false;
    }
    while (out->length < STORED_MAX_BYTES &&
           (got = fread(block, 1, sizeof block, file)) > 0) {
        if (buffer_append(out, block, got, NULL) != STATUS_OK) {
            give_up(path, "no memory left");
        }
    }
    (void)fclose(file);
    return true;
}

static bool load_stored(struct recording *recording, const char *path)
{
    struct buffer stored = {0};
    bool is_good = false;

    if (read_whole(path, &stored) && stored.length > 8) {
        const size_t print_bytes = load_u32le(stored.bytes + 4);
        recording->reference.duration_ms = load_u32le(stored.bytes);
        is_good =
            print_bytes < stored.length - 8 &&
            fingerprint_unpack(&recording->reference.print, stored.bytes + 8,
                               print_bytes, NULL) == STATUS_OK &&
            buffer_append(&recording->sketch, stored.bytes + 8 + print_bytes,
                          stored.length - 8 - print_bytes, NULL) == STATUS_OK;
    }
    buffer_clear(&stored);
    return is_good;
}

/* Beside the place, then renamed: several programs may store the same. */
static void write_stored(const struct buffer *stored, const char *path)
{
    char work[LINE_MAX_BYTES + 32];
    FILE *file = NULL;

    (void)snprintf(work, sizeof work, "%s.part%ld", path, (long)getpid());
    file = fopen(work, "wb");
    if (file == NULL || fwrite(stored->bytes, stored->length, 1, file) != 1 ||
        fclose(file) != 0 || rename(work, path) != 0) {
        give_up(path, strerror(errno));
    }
}

static enum status draw_sketch(struct buffer *out, struct decoder *master,
                               struct error *err)
{
    struct sketch sketch = {0};
    const struct sound sound = decoder_sound(master);
    enum status status = sketch_make(&sketch, &sound, err);

    if (status == STATUS_OK) {
        status = sketch_pack(out, &sketch, err);
    }
    sketch_clear(&sketch);
    return status;
}

static enum status pack_master(struct buffer *out, struct decoder *master,
                               struct error *err)
{
    struct buffer print = {0};
    uint8_t head[8];
    enum status status =
        fingerprint_pack(&print, decoder_fingerprint(master), err);

    if (status == STATUS_OK) {
        store_u32le(head, decoder_facts(master)->duration_ms);
        store_u32le(head + 4, (uint32_t)print.length);
        status = buffer_append(out, head, sizeof head, err);
    }
    if (status == STATUS_OK) {
        status = buffer_append(out, print.bytes, print.length, err);
    }
    if (status == STATUS_OK) {
        status = draw_sketch(out, master, err);
    }
    buffer_clear(&print);
    return status;
}

static void store_master(struct decoder_pool *pool, const char *master,
                         const char *path)
{
    struct error err = {0};
    struct decoder *decoder = NULL;
    struct buffer stored = {0};
    const int fd = open(master, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        give_up(master, strerror(errno));
    }
    if (decoder_open(&decoder, pool, fd, &err) != STATUS_OK ||
        pack_master(&stored, decoder, &err) != STATUS_OK) {
        give_up(master, err.text);
    }
    write_stored(&stored, path);
    buffer_clear(&stored);
    decoder_close(decoder);
    (void)close(fd);
}

static void load_recording(struct references *references,
                           struct recording *recording, const char *store)
{
    char path[LINE_MAX_BYTES];

    store_path(path, sizeof path, store, recording->path);
    if (access(path, R_OK) != 0) {
        store_master(references->masters, recording->path, path);
    }
    if (!load_stored(recording, path)) {
        give_up(path, "is damaged: delete it");
    }
    if (terms_for_index(&recording->terms, &recording->reference.print, NULL) !=
        STATUS_OK) {
        give_up(recording->path, "has no terms");
    }
}

static void add_line(struct references *references, char *line)
{
    char *fields[FIELDS];
    size_t count = 0;
    char *rest = line;

    line[strcspn(line, "\n")] = '\0';
    while (count < FIELDS && rest != NULL) {
        fields[count++] = strsep(&rest, "\t");
    }
    if (count < FIELDS) {
        give_up("references", "a line has too few fields");
    }
    struct recording *grown =
        realloc(references->list, (references->count + 1) * sizeof *grown);
    if (grown == NULL) {
        give_up("references", "no memory left");
    }
    references->list = grown;
    grown[references->count++] =
        (struct recording){.id = copy_text(fields[0]),
                           .song = copy_text(fields[1]),
                           .is_base = strcmp(fields[2], "1") == 0,
                           .path = copy_text(fields[3])};
}

struct references references_load(const char *list, const char *store,
                                  const char *decoder_program)
{
    struct references references = {0};
    struct error err = {0};
    char line[LINE_MAX_BYTES];
    FILE *file = fopen(list, "r");

    if (file == NULL) {
        give_up(list, strerror(errno));
    }
    if (decoder_pool_open(&references.masters, decoder_program, 1, &err) !=
        STATUS_OK) {
        give_up(decoder_program, err.text);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        add_line(&references, line);
    }
    (void)fclose(file);
    for (size_t i = 0; i < references.count; i++) {
        load_recording(&references, &references.list[i], store);
    }
    return references;
}

void references_clear(struct references *references)
{
    for (size_t i = 0; i < references->count; i++) {
        struct recording *recording = &references->list[i];
        free(recording->id);
        free(recording->song);
        free(recording->path);
        fingerprint_clear(&recording->reference.print);
        terms_clear(&recording->terms);
        buffer_clear(&recording->sketch);
    }
    free(references->list);
    decoder_pool_close(references->masters);
    *references = (struct references){0};
}

/* --- candidates ------------------------------------------------------------
 */

bool own_has(const char *own, const char *id)
{
    const size_t length = strlen(id);

    for (const char *at = own; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, id, length) == 0 &&
            (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

static size_t shared_count(const struct terms *query, const struct terms *filed)
{
    size_t shared = 0;

    for (size_t i = 0, j = 0; i < query->count && j < filed->count;) {
        shared += query->values[i] == filed->values[j];
        const bool step_query = query->values[i] <= filed->values[j];
        j += query->values[i] >= filed->values[j];
        i += step_query;
    }
    return shared;
}

/* Puts a recording where it belongs among the best so far. */
static void rank(struct candidates *candidates, size_t *shares, size_t index,
                 size_t shared)
{
    size_t at = candidates->count;

    while (at > 0 && shares[at - 1] < shared) {
        at--;
    }
    if (at == CANDIDATES_MAX) {
        return;
    }
    if (candidates->count < CANDIDATES_MAX) {
        candidates->count++;
    }
    for (size_t i = candidates->count - 1; i > at; i--) {
        shares[i] = shares[i - 1];
        candidates->indices[i] = candidates->indices[i - 1];
    }
    shares[at] = shared;
    candidates->indices[at] = index;
}

static void find_sharing(struct candidates *out, const struct terms *terms,
                         const char *song, const char *own)
{
    size_t shares[CANDIDATES_MAX] = {0};

    for (size_t i = 0; i < out->references->count; i++) {
        const struct recording *recording = &out->references->list[i];
        const bool is_there = strcmp(recording->song, song) == 0
                                  ? own_has(own, recording->id)
                                  : recording->is_base;
        const size_t shared =
            is_there ? shared_count(terms, &recording->terms) : 0;
        if (shared > 0) {
            rank(out, shares, i, shared);
        }
    }
}

struct candidates candidates_find(const struct references *references,
                                  const struct fingerprint *query,
                                  const char *song, const char *own)
{
    struct candidates out = {.references = references};
    struct terms terms = {0};

    if (terms_for_query(&terms, query, NULL) != STATUS_OK) {
        give_up(song, "no memory left");
    }
    find_sharing(&out, &terms, song, own);
    terms_clear(&terms);
    if (out.count == 0) {
        out.by_neighbours = true;
        if (terms_neighbours(&terms, query, NULL) != STATUS_OK) {
            give_up(song, "no memory left");
        }
        find_sharing(&out, &terms, song, own);
        terms_clear(&terms);
    }
    for (size_t i = 0; i < out.count; i++) {
        out.list[i] = references->list[out.indices[i]].reference;
    }
    return out;
}

static enum status give_sketch(void *context, size_t index, struct sketch *out,
                               struct error *err)
{
    const struct candidates *candidates = context;
    const struct buffer *stored =
        &candidates->references->list[candidates->indices[index]].sketch;

    return sketch_unpack(out, stored->bytes, stored->length, err);
}

static enum status open_master(void *context, size_t index,
                               struct decoder **out, struct error *err)
{
    const struct candidates *candidates = context;
    const struct references *references = candidates->references;
    const char *path = references->list[candidates->indices[index]].path;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return error_set(err, STATUS_NOT_FOUND, "no_master", "cannot open %s",
                         path);
    }
    const enum status status = decoder_open(out, references->masters, fd, err);
    (void)close(fd);
    return status;
}

struct reference_source candidates_source(struct candidates *candidates)
{
    return (struct reference_source){
        .context = candidates, .sketch = give_sketch, .master = open_master};
}
