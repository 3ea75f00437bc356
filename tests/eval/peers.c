/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* peers REFERENCES.tsv FPCALC.tsv <answers.tsv >peers.tsv
 *
 * The same questions as match.c answered, put to two other rules; both hear
 * what `fpcalc -raw -length 120` says of the files (FPCALC.tsv: file, where
 * its output is). Questions about parts of files are left out. A line each:
 *   id, outcome and best recording and score of AcoustID, outcome and best
 *   recording and bit error rate of the plain comparison
 *
 * AcoustID, as its public sources have it (acoustid-server, pg_acoustid, read
 * in 2026): the query is 120 items from the 80th on, upper 28 bits, without
 * silence and without the same twice; what shares one is a candidate when it
 * shares a tenth as many as the best does and lasts as long within 7 s. Two
 * prints are laid where most items agree in the upper 14 bits (each value
 * counts once), at most 80 items apart. The score is the share of the shorter
 * that overlaps times one less twice the bit error rate; prints that repeat
 * few items are marked down. From .75 on it is a match.
 *
 * Plain: the lowest bit error rate at any offset with 20 s in common; up to
 * .15 it is a match. */

enum {
    LINE_MAX_BYTES = 4096,
    PRINT_LINE_MAX_BYTES = 65536,
    ITEMS_MAX = 1200,
    FILES_MAX = 20000,
    JOB_FIELDS = 15,
    SILENCE = 627964279,
    QUERY_ITEMS = 120,
    QUERY_START = 80,
    QUERY_MASK = -16, /* upper 28 bits */
    LENGTH_WINDOW_S = 7,
    OFFSET_MAX = 80,
    KEY_SHIFT = 18, /* upper 14 bits */
    KEYS = 1 << 14,
    PLAIN_OVERLAP_ITEMS = 162, /* 20 s */
    SAMPLE_STEP = 8,
};
static const double ACOUSTID_MATCH = .75;
static const double PLAIN_MATCH = .15;
/* An offset whose every eighth item differs by more is not looked at again. */
static const double PLAIN_HOPELESS = .38;

struct print {
    char *path;
    uint32_t items[ITEMS_MAX];
    size_t count;
    double duration_s;
    uint32_t terms[QUERY_ITEMS];
    size_t term_count;
};
struct recording {
    char *id;
    char *song;
    bool is_base;
    const struct print *print; /* NULL: fpcalc had no word for it */
};
struct answer {
    const struct recording *best;
    double figure;
};

static struct heard {
    struct print *print;
} prints[FILES_MAX]; /* ascending by path */
static size_t print_count;
static struct recording *recordings;
static size_t recording_count;

static void give_up(const char *what)
{
    (void)fprintf(stderr, "peers: %s\n", what);
    exit(1);
}

static void *must_have(void *memory)
{
    if (memory == NULL) {
        give_up("no memory left");
    }
    return memory;
}

/* --- what fpcalc said
 * --------------------------------------------------------- */

static void take_terms(struct print *print)
{
    size_t sounding = 0;

    for (size_t i = 0; i < print->count; i++) {
        sounding += print->items[i] != SILENCE;
    }
    size_t at = sounding > QUERY_ITEMS ? sounding - QUERY_ITEMS : 0;
    at = at < QUERY_START ? at : QUERY_START;
    for (; at < print->count && print->term_count < QUERY_ITEMS; at++) {
        const uint32_t term = print->items[at] & (uint32_t)QUERY_MASK;
        bool is_new = print->items[at] != SILENCE;
        for (size_t i = 0; i < print->term_count && is_new; i++) {
            is_new = print->terms[i] != term;
        }
        if (is_new) {
            print->terms[print->term_count++] = term;
        }
    }
}

static void take_items(struct print *print, const char *text)
{
    char *end = NULL;

    while (print->count < ITEMS_MAX) {
        /* Some fpcalc print items with a sign. */
        print->items[print->count] = (uint32_t)strtoll(text, &end, 10);
        if (end == text) {
            return;
        }
        print->count++;
        text = end + (*end == ',');
    }
}

static struct print *read_print(const char *path, const char *kept)
{
    static char line[PRINT_LINE_MAX_BYTES];
    struct print *print = must_have(calloc(1, sizeof *print));
    FILE *file = fopen(kept, "r");

    print->path = must_have(strdup(path));
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "DURATION=", 9) == 0) {
            print->duration_s = strtod(line + 9, NULL);
        } else if (strncmp(line, "FINGERPRINT=", 12) == 0) {
            take_items(print, line + 12);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    take_terms(print);
    return print;
}

static int by_path(const void *a, const void *b)
{
    const struct heard *left = a;
    const struct heard *right = b;

    return strcmp(left->print->path, right->print->path);
}

static const struct print *find_print(const char *path)
{
    struct print wanted = {.path = must_have(strdup(path))};
    const struct heard key = {.print = &wanted};
    const struct heard *found =
        bsearch(&key, prints, print_count, sizeof *prints, by_path);

    free(wanted.path);
    return found == NULL || found->print->count == 0 ? NULL : found->print;
}

static size_t split(char *line, char **fields, size_t wanted)
{
    size_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    while (count < wanted && line != NULL) {
        fields[count++] = strsep(&line, "\t");
    }
    return count;
}

static void read_prints(const char *list)
{
    char line[LINE_MAX_BYTES];
    char *fields[2];
    FILE *file = fopen(list, "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL &&
           print_count < FILES_MAX) {
        if (split(line, fields, 2) == 2) {
            prints[print_count++].print = read_print(fields[0], fields[1]);
        }
    }
    if (file == NULL || fclose(file) != 0) {
        give_up("cannot read the list of fpcalc's outputs");
    }
    qsort(prints, print_count, sizeof *prints, by_path);
}

static void read_recordings(const char *list)
{
    char line[LINE_MAX_BYTES];
    char *fields[4];
    FILE *file = fopen(list, "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (split(line, fields, 4) != 4) {
            give_up("a reference has too few fields");
        }
        recordings = must_have(
            realloc(recordings, (recording_count + 1) * sizeof *recordings));
        recordings[recording_count++] =
            (struct recording){.id = must_have(strdup(fields[0])),
                               .song = must_have(strdup(fields[1])),
                               .is_base = strcmp(fields[2], "1") == 0,
                               .print = find_print(fields[3])};
    }
    if (file == NULL || fclose(file) != 0) {
        give_up("cannot read the references");
    }
}

/* --- AcoustID
 * ------------------------------------------------------------------- */

static size_t shared_terms(const struct print *a, const struct print *b)
{
    size_t shared = 0;

    for (size_t i = 0; i < a->term_count; i++) {
        for (size_t j = 0; j < b->term_count; j++) {
            shared += a->terms[i] == b->terms[j];
        }
    }
    return shared;
}

/* Where the last item with each key stands, -1: nowhere. */
static void note_places(int *places, const struct print *print)
{
    memset(places, -1, KEYS * sizeof *places);
    for (size_t i = 0; i < print->count; i++) {
        places[print->items[i] >> KEY_SHIFT] = (int)i;
    }
}

/* Offset of a over b that most keys agree on; *votes: how many. */
static int vote_offset(const struct print *a, const struct print *b, int *votes)
{
    static int places_a[KEYS];
    static int places_b[KEYS];
    int counts[2 * OFFSET_MAX + 1] = {0};
    int best = OFFSET_MAX;

    note_places(places_a, a);
    note_places(places_b, b);
    for (int key = 0; key < KEYS; key++) {
        const int offset = places_a[key] - places_b[key];
        if (places_a[key] >= 0 && places_b[key] >= 0 &&
            abs(offset) <= OFFSET_MAX) {
            counts[offset + OFFSET_MAX]++;
        }
    }
    for (int i = 0; i <= 2 * OFFSET_MAX; i++) {
        best = counts[i] > counts[best] ? i : best;
    }
    *votes = counts[best];
    return best - OFFSET_MAX;
}

static size_t different_keys(const uint32_t *items, size_t count)
{
    bool seen[KEYS] = {false};
    size_t different = 0;

    for (size_t i = 0; i < count; i++) {
        different += !seen[items[i] >> KEY_SHIFT];
        seen[items[i] >> KEY_SHIFT] = true;
    }
    return different;
}

static double bit_error_rate(const uint32_t *a, const uint32_t *b, size_t count,
                             size_t step)
{
    size_t bits = 0;
    size_t compared = 0;

    for (size_t i = 0; i < count; i += step) {
        bits += (size_t)__builtin_popcount(a[i] ^ b[i]);
        compared += 32;
    }
    return compared == 0 ? 1 : (double)bits / (double)compared;
}

static double variety(size_t different, size_t count)
{
    return fmin(1, (double)(different + 10) / (double)count + .5);
}

static double acoustid_score(const struct print *a, const struct print *b)
{
    int votes = 0;
    const int offset = vote_offset(a, b, &votes);
    const size_t skip_a = offset > 0 ? (size_t)offset : 0;
    const size_t skip_b = offset < 0 ? (size_t)-offset : 0;

    if (a->count <= skip_a || b->count <= skip_b) {
        return 0;
    }
    const size_t left_a = a->count - skip_a;
    const size_t left_b = b->count - skip_b;
    const size_t common = left_a < left_b ? left_a : left_b;
    const size_t shorter = a->count < b->count ? a->count : b->count;
    const size_t different_a = different_keys(a->items + skip_a, left_a);
    const size_t different_b = different_keys(b->items + skip_b, left_b);
    const double most =
        (double)(different_a > different_b ? different_a : different_b);
    if (votes < most * .02) {
        return 0;
    }
    const double error =
        bit_error_rate(a->items + skip_a, b->items + skip_b, common, 1);
    const double score =
        fmax(0, (double)common / (double)shorter * (1 - 2 * error));
    const double diversity =
        fmin(variety(different_a, left_a), variety(different_b, left_b));
    return diversity < 1 ? pow(score, 8 - 7 * diversity) : score;
}

/* --- plain
 * ---------------------------------------------------------------------- */

static double plain_error(const struct print *a, const struct print *b)
{
    const int first = PLAIN_OVERLAP_ITEMS - (int)b->count;
    const int last = (int)a->count - PLAIN_OVERLAP_ITEMS;
    double best = 1;

    for (int offset = first; offset <= last; offset++) {
        const size_t skip_a = offset > 0 ? (size_t)offset : 0;
        const size_t skip_b = offset < 0 ? (size_t)-offset : 0;
        const size_t left_a = a->count - skip_a;
        const size_t left_b = b->count - skip_b;
        const size_t common = left_a < left_b ? left_a : left_b;
        if (bit_error_rate(a->items + skip_a, b->items + skip_b, common,
                           SAMPLE_STEP) < PLAIN_HOPELESS) {
            best = fmin(best, bit_error_rate(a->items + skip_a,
                                             b->items + skip_b, common, 1));
        }
    }
    return best;
}

/* --- questions
 * -------------------------------------------------------------------- */

static bool own_has(const char *own, const char *id)
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

static bool is_there(const struct recording *recording, char **job)
{
    return recording->print != NULL && (strcmp(recording->song, job[9]) == 0
                                            ? own_has(job[10], recording->id)
                                            : recording->is_base);
}

static struct answer ask_acoustid(const struct print *query, char **job)
{
    struct answer answer = {0};
    size_t most = 0;

    for (size_t i = 0; i < recording_count; i++) {
        const size_t shared = is_there(&recordings[i], job)
                                  ? shared_terms(query, recordings[i].print)
                                  : 0;
        most = shared > most ? shared : most;
    }
    for (size_t i = 0; i < recording_count; i++) {
        const struct recording *at = &recordings[i];
        if (!is_there(at, job) ||
            (double)shared_terms(query, at->print) <= .1 * (double)most ||
            fabs(at->print->duration_s - query->duration_s) > LENGTH_WINDOW_S) {
            continue;
        }
        const double score = acoustid_score(query, at->print);
        if (score > answer.figure) {
            answer = (struct answer){.best = at, .figure = score};
        }
    }
    return answer;
}

static struct answer ask_plain(const struct print *query, char **job)
{
    struct answer answer = {.figure = 1};

    for (size_t i = 0; i < recording_count; i++) {
        if (is_there(&recordings[i], job)) {
            const double error = plain_error(query, recordings[i].print);
            if (error < answer.figure) {
                answer =
                    (struct answer){.best = &recordings[i], .figure = error};
            }
        }
    }
    return answer;
}

static void print_answer(const struct answer *answer, bool is_match, char **job)
{
    const char *outcome = "unmatched";

    if (is_match && answer->best != NULL) {
        outcome = strcmp(answer->best->id, job[11]) == 0    ? "right"
                  : strcmp(answer->best->song, job[9]) == 0 ? "wrong_edition"
                                                            : "wrong_song";
    }
    printf("\t%s\t%s\t%.4f", outcome,
           answer->best == NULL ? "-" : answer->best->id, answer->figure);
}

int main(int argc, char **argv)
{
    char line[LINE_MAX_BYTES];
    char *job[JOB_FIELDS];

    if (argc != 3) {
        give_up("usage: peers REFERENCES.tsv FPCALC.tsv <answers.tsv");
    }
    read_prints(argv[2]);
    read_recordings(argv[1]);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (split(line, job, JOB_FIELDS) < JOB_FIELDS) {
            give_up("an answer has too few fields");
        }
        const struct print *query = find_print(job[14]);
        if (strcmp(job[12], "0") != 0 || strcmp(job[13], "0") != 0 ||
            query == NULL) {
            continue;
        }
        const struct answer acoustid = ask_acoustid(query, job);
        const struct answer plain = ask_plain(query, job);
        printf("%s", job[0]);
        print_answer(&acoustid, acoustid.figure >= ACOUSTID_MATCH, job);
        print_answer(&plain, plain.figure <= PLAIN_MATCH, job);
        printf("\n");
    }
    return 0;
}
