/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "matcher/sketch.h"

#include "matcher/rank.h"
#include "matcher/spectrum.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Shifts and places are samples of the reference, levels hundredths of a dB.
 * Source: matcher/README.md, "Sketch". */
enum {
    STEP = SKETCH_STEP_DB * LEVEL_DB,
    RANGE = (SKETCH_LEVELS - 1) * STEP,
    HOP = SKETCH_HOP_SAMPLES,
    WINDOW = SKETCH_WINDOW_SAMPLES,
    /* Steps of the search: the error is smooth over 96 samples. */
    FINE = 32,
    COARSE = 96,
    GUESS_REACH = 288,
    REACH_MAX = 60000,
    /* The first place is 10 s, those that show a drift are 5 s. */
    FIRST_FRAMES = 214,
    FURTHER_FRAMES = 107,
    DRIFT_MIN_FRAMES = 646, /* 30 s */
    NEAR_FRAMES = 500,      /* about 25 s: 0.1 % are 280 samples there */
    PLACES_MAX = 6,
    PLACES_MIN = 3,
    /* 300 to 3800 Hz, as in the comparison. */
    FIRST_BAND = 3,
    LAST_BAND = 24,
    BANDS = LAST_BAND - FIRST_BAND + 1,
    /* A place whose lag is this far from the line lies on an edit. */
    OUTLIER_SAMPLES = 12,
    /* A drift that moves the ends by less cannot be told from noise, and does
     * no harm (16 samples do none). */
    MOVE_MIN_SAMPLES = 12,
    BLOCK_SAMPLES = 1 << 18,
};
_Static_assert((int)BLOCK_SAMPLES <= (int)SOUND_READ_MAX, "one read a place");
static const double DRIFT_MAX = .001;
/* How much the distance rises over FINE to both sides of a place (dB, the sum):
 * .09 and more in music, .015 at most where there is nothing to hear. */
static const double BEND_MIN = .04;
/* Where a transcode is not: they have 1 dB at the most, other sounds 3.7. */
static const double ASTRAY_MIN_DB = 1.5;

/* Some seconds of the reference, and where the query has them. */
struct place {
    size_t first_frame;
    size_t frame_count;
    double shift; /* from where the guess has it */
    double error_db;
    double bend_db; /* how sharply the error rises to both sides of it */
};

struct search {
    const struct sound *query;
    const struct sketch *reference;
    struct timing guess;
    struct spectrum *spectrum;
    int16_t *samples; /* owned, BLOCK_SAMPLES of the query from block_start */
    int64_t block_start;
    size_t block_count;
    int16_t levels[BANDS][FIRST_FRAMES]; /* of the query */
    int16_t cells[BANDS][FIRST_FRAMES];  /* of the reference, as levels */
};

static double query_position(const struct timing *timing, size_t frame)
{
    return timing->offset_samples +
           (1 + timing->drift) * (double)frame * SKETCH_HOP_SAMPLES;
}

static double middle_of(const struct place *place)
{
    return ((double)place->first_frame + (double)place->frame_count / 2) * HOP;
}

static double clamp(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

/* --- the distance at a shift --- */

static enum status load(struct search *search, const struct place *place,
                        double shift, double reach, struct error *err)
{
    size_t last = place->first_frame + place->frame_count - 1;
    double start = query_position(&search->guess, place->first_frame) + shift;
    double end = query_position(&search->guess, last) + shift + WINDOW;

    search->block_start = (int64_t)floor(start - reach) - 1;
    search->block_count =
        (size_t)((int64_t)ceil(end + reach) + 1 - search->block_start);
    assert(search->block_count <= BLOCK_SAMPLES);
    return sound_read(search->query, PCM_MID, search->block_start,
                      search->block_count, search->samples, err);
}

/* Every `stride`th frame of the place, in both. Returns how many. */
static size_t read_levels(struct search *search, const struct place *place,
                          double shift, size_t stride)
{
    int16_t frame[SKETCH_BANDS];
    size_t count = 0;

    for (size_t i = 0; i < place->frame_count; i += stride, count++) {
        size_t at = place->first_frame + i;
        int64_t start = llrint(query_position(&search->guess, at) + shift) -
                        search->block_start;
        assert(start >= 0 && (size_t)start + WINDOW <= search->block_count);
        spectrum_levels(search->spectrum, search->samples + start, frame);
        for (size_t band = 0; band < BANDS; band++) {
            unsigned cell =
                sketch_cell(&search->reference->mid, at, FIRST_BAND + band);
            search->levels[band][count] = frame[FIRST_BAND + band];
            search->cells[band][count] = (int16_t)((int)cell * STEP);
        }
    }
    return count;
}

/* The median of query less reference where cells are within the scale. */
static int gain_of(const struct search *search, size_t band, size_t count)
{
    const int16_t *levels = search->levels[band];
    const int16_t *cells = search->cells[band];
    int16_t differences[FIRST_FRAMES];
    size_t telling = 0;

    for (size_t i = 0; i < count; i++) {
        differences[telling] = (int16_t)(levels[i] - cells[i]);
        telling += cells[i] > 0 && cells[i] < RANGE;
    }
    if (telling == 0) {
        return levels[0] - cells[0];
    }
    return rank_select(differences, telling, telling / 2);
}

static int64_t distance_of(const struct search *search, size_t band,
                           size_t count)
{
    int gain = gain_of(search, band, count);
    int32_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        int level = search->levels[band][i] - gain;
        level = level < 0 ? 0 : level;
        level = level > RANGE ? RANGE : level;
        sum += abs(level - search->cells[band][i]);
    }
    return sum;
}

static double distance_at(struct search *search, const struct place *place,
                          double shift, size_t stride)
{
    size_t count = read_levels(search, place, shift, stride);
    int64_t sum = 0;

    for (size_t band = 0; band < BANDS; band++) {
        sum += distance_of(search, band, count);
    }
    return (double)sum / (double)(count * BANDS * LEVEL_DB);
}

/* --- the shift of a place --- */

static double coarse_shift(struct search *search, const struct place *place,
                           double centre, double reach)
{
    double best = centre;
    double least = INFINITY;

    if (reach <= 2 * FINE) {
        return centre;
    }
    int steps = (int)ceil(reach / COARSE);
    for (int i = -steps; i <= steps; i++) {
        double shift = centre + clamp(i * COARSE, -reach, reach);
        double distance = distance_at(search, place, shift, 2);
        if (distance < least) {
            least = distance;
            best = shift;
        }
    }
    return best;
}

/* Walks down by FINE until the middle of three is the least, then takes the
 * vertex of the parabola through them. */
static void fine_shift(struct search *search, struct place *place, double start)
{
    double shift = start;
    double at[3];

    for (int i = 0; i < 3; i++) {
        at[i] = distance_at(search, place, shift + (i - 1) * FINE, 1);
    }
    for (int walked = 0; walked < GUESS_REACH / FINE; walked++) {
        if (at[0] < at[1] && at[0] <= at[2]) {
            shift -= FINE;
            at[2] = at[1];
            at[1] = at[0];
            at[0] = distance_at(search, place, shift - FINE, 1);
        } else if (at[2] < at[1]) {
            shift += FINE;
            at[0] = at[1];
            at[1] = at[2];
            at[2] = distance_at(search, place, shift + FINE, 1);
        } else {
            break;
        }
    }
    double bend = at[0] - 2 * at[1] + at[2];
    double vertex = bend > 0 ? (at[0] - at[2]) / bend / 2 : 0;
    place->shift = shift + clamp(vertex, -1, 1) * FINE;
    place->error_db = at[1];
    place->bend_db = bend;
}

/* The shift within centre +- reach, give or take what walking adds. */
static enum status find_shift(struct search *search, struct place *place,
                              double centre, double reach, struct error *err)
{
    enum status status =
        load(search, place, centre, reach + GUESS_REACH + 3 * FINE, err);

    if (status == STATUS_OK) {
        fine_shift(search, place, coarse_shift(search, place, centre, reach));
    }
    return status;
}

/* --- which places --- */

static unsigned loudness_of(const struct sketch_channel *channel, size_t frame)
{
    unsigned sum = 0;

    for (size_t band = FIRST_BAND; band <= LAST_BAND; band++) {
        sum += sketch_cell(channel, frame, band);
    }
    return sum;
}

/* Where the loudest `count` frames in a row of [first, end) begin. */
static size_t loudest(const struct sketch *reference, size_t first, size_t end,
                      size_t count)
{
    const struct sketch_channel *mid = &reference->mid;
    size_t best = first;
    int64_t sum = 0;
    int64_t most = 0;

    for (size_t i = first; i < first + count; i++) {
        sum += loudness_of(mid, i);
    }
    most = sum;
    for (size_t i = first; i + count < end; i++) {
        sum += (int64_t)loudness_of(mid, i + count) - loudness_of(mid, i);
        if (sum > most) {
            most = sum;
            best = i + 1;
        }
    }
    return best;
}

static size_t distance_between(size_t a, size_t b)
{
    return a < b ? b - a : a - b;
}

static bool is_apart(const struct place *places, size_t count, size_t frame)
{
    for (size_t i = 0; i < count; i++) {
        if (distance_between(places[i].first_frame, frame) < FURTHER_FRAMES) {
            return false;
        }
    }
    return true;
}

/* The loudest place about `target`, unless there is one already. */
static size_t add_place(struct place *places, size_t count,
                        const struct search *search, double target,
                        size_t first, size_t end)
{
    double reach = (double)(end - first) / 12;
    size_t from = (size_t)clamp(target - reach, (double)first,
                                (double)(end - FURTHER_FRAMES));
    size_t until = (size_t)clamp(target + reach + FURTHER_FRAMES,
                                 (double)(from + FURTHER_FRAMES), (double)end);
    size_t frame = loudest(search->reference, from, until, FURTHER_FRAMES);

    if (count < PLACES_MAX && is_apart(places, count, frame)) {
        places[count++] =
            (struct place){.first_frame = frame, .frame_count = FURTHER_FRAMES};
    }
    return count;
}

static int nearer(const struct place *first, const struct place *a,
                  const struct place *b)
{
    double distance_a = fabs(middle_of(a) - middle_of(first));
    double distance_b = fabs(middle_of(b) - middle_of(first));

    return distance_a < distance_b;
}

/* Places besides the first, nearest first: one so near that any drift is found
 * there, others spread over [first, end). */
static size_t choose_places(struct place *places, const struct search *search,
                            size_t first, size_t end)
{
    size_t near = places[0].first_frame;
    double length = (double)(end - first);
    size_t count = 1;

    bool room_behind = end - near > NEAR_FRAMES + FIRST_FRAMES;
    count = add_place(places, count, search,
                      room_behind ? (double)near + NEAR_FRAMES
                                  : (double)near - NEAR_FRAMES,
                      first, end);
    for (int i = 0; i < 4; i++) {
        count = add_place(places, count, search,
                          (double)first + length * (2 * i + 1) / 8, first, end);
    }
    for (size_t i = 2; i < count; i++) {
        struct place moved = places[i];
        size_t k = i;
        for (; k > 1 && nearer(&places[0], &moved, &places[k - 1]); k--) {
            places[k] = places[k - 1];
        }
        places[k] = moved;
    }
    return count;
}

/* --- the line through them --- */

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median_of(double *values, size_t count)
{
    assert(count > 0);
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 == 1 ? values[count / 2]
                          : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* shift = start + slope x sample of the reference. */
struct line {
    double start;
    double slope;
};

static double start_of(const struct place *places, size_t count, double slope)
{
    double starts[PLACES_MAX];

    for (size_t i = 0; i < count; i++) {
        starts[i] = places[i].shift - slope * middle_of(&places[i]);
    }
    return median_of(starts, count);
}

/* Theil and Sen: the median of all slopes, so that one place on an edit does
 * not bend it. */
static struct line line_through(const struct place *places, size_t count)
{
    double slopes[PLACES_MAX * PLACES_MAX];
    size_t slope_count = 0;
    double slope = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            double apart = middle_of(&places[i]) - middle_of(&places[k]);
            slopes[slope_count++] = (places[i].shift - places[k].shift) / apart;
        }
    }
    if (slope_count > 0) {
        slope = median_of(slopes, slope_count);
    }
    return (struct line){.start = start_of(places, count, slope),
                         .slope = slope};
}

static size_t drop_outliers(struct place *places, size_t count,
                            const struct line *line)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        double at = line->start + line->slope * middle_of(&places[i]);
        if (fabs(places[i].shift - at) <= OUTLIER_SAMPLES) {
            places[kept++] = places[i];
        }
    }
    return kept;
}

static struct line least_squares(const struct place *places, size_t count)
{
    double x_sum = 0;
    double y_sum = 0;
    double xx = 0;
    double xy = 0;

    for (size_t i = 0; i < count; i++) {
        x_sum += middle_of(&places[i]);
        y_sum += places[i].shift;
    }
    double x_mean = x_sum / (double)count;
    double y_mean = y_sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double x = middle_of(&places[i]) - x_mean;
        xx += x * x;
        xy += x * (places[i].shift - y_mean);
    }
    double slope = xx > 0 ? xy / xx : 0;
    return (struct line){.start = y_mean - slope * x_mean, .slope = slope};
}

/* Measures the further places, each where those before let it be expected. */
static enum status measure_places(struct search *search, struct place *places,
                                  size_t *count, struct error *err)
{
    size_t measured = 1;

    for (size_t i = 1; i < *count; i++) {
        struct place place = places[i];
        struct line line = line_through(places, measured);
        double apart = fabs(middle_of(&place) - middle_of(&places[0]));
        double span =
            fabs(middle_of(&places[measured - 1]) - middle_of(&places[0]));
        double reach = measured == 1 ? apart * DRIFT_MAX
                                     : fmin(apart * DRIFT_MAX,
                                            2 * FINE * fmax(1, apart / span));
        enum status status =
            find_shift(search, &place,
                       line.start + line.slope * middle_of(&place), reach, err);
        if (status != STATUS_OK) {
            return status;
        }
        /* else it is quiet or sounds different, and shows no clock */
        if (place.bend_db >= BEND_MIN &&
            place.error_db <= 1.5 * places[0].error_db + .3) {
            places[measured++] = place;
        }
    }
    *count = measured;
    return STATUS_OK;
}

static enum status find_drift(struct timing *out, struct search *search,
                              const struct place *at, size_t first, size_t end,
                              struct error *err)
{
    struct place places[PLACES_MAX] = {*at};
    size_t count = choose_places(places, search, first, end);

    enum status status = measure_places(search, places, &count, err);
    if (status != STATUS_OK || count < PLACES_MIN) {
        return status;
    }
    struct line line = line_through(places, count);
    count = drop_outliers(places, count, &line);
    if (count < PLACES_MIN) {
        return STATUS_OK;
    }
    line = least_squares(places, count);
    if (fabs(line.slope) * (double)(end - first) * HOP < MOVE_MIN_SAMPLES) {
        line = (struct line){.start = start_of(places, count, 0)};
    }
    out->offset_samples = search->guess.offset_samples + line.start;
    out->drift = search->guess.drift + line.slope;
    return STATUS_OK;
}

/* The first place. A clock that is off may have carried it out of reach: then
 * it is looked for as far as any drift over the stretch could. */
static enum status find_first(struct search *search, struct place *place,
                              size_t first, size_t end, struct error *err)
{
    double reach = GUESS_REACH + DRIFT_MAX * (double)(end - first) * HOP;
    struct place further = *place;

    enum status status = find_shift(search, place, 0, GUESS_REACH, err);
    if (status != STATUS_OK || place->error_db < ASTRAY_MIN_DB) {
        return status;
    }
    status = find_shift(search, &further, 0, fmin(reach, REACH_MAX), err);
    if (status == STATUS_OK && further.error_db < place->error_db) {
        *place = further;
    }
    return status;
}

/* Frames within [start, end) that the query has, by the guess. */
static enum status find_stretch(size_t *first, size_t *end_frame,
                                const struct sound *query,
                                const struct sketch *reference,
                                const struct timing *guess, uint64_t start,
                                uint64_t end, struct error *err)
{
    double step = (1 + guess->drift) * HOP;
    double from =
        fmax(ceil((double)start / HOP), ceil(-guess->offset_samples / step));
    double until = fmin(
        floor(((double)end - WINDOW) / HOP) + 1,
        floor(((double)query->sample_count - WINDOW - guess->offset_samples) /
              step) +
            1);

    until = fmin(until, (double)reference->frame_count);
    if (!(until - from >= FIRST_FRAMES - 1)) {
        return error_set(err, STATUS_INVALID, "no_overlap",
                         "under 10 s in common: too little to compare");
    }
    *first = (size_t)from;
    *end_frame = (size_t)until;
    return STATUS_OK;
}

static enum status search_open(struct search **out, const struct sound *query,
                               const struct sketch *reference,
                               const struct timing *guess, struct error *err)
{
    struct search *search = calloc(1, sizeof *search);

    *out = search;
    if (search == NULL ||
        (search->samples = calloc(BLOCK_SAMPLES, sizeof *search->samples)) ==
            NULL) {
        return error_set(err, STATUS_NO_MEMORY, "no_memory",
                         "no memory left to lay two sounds on each other");
    }
    search->query = query;
    search->reference = reference;
    search->guess = *guess;
    return spectrum_open(&search->spectrum, err);
}

static void search_close(struct search *search)
{
    if (search != NULL) {
        spectrum_close(search->spectrum);
        free(search->samples);
        free(search);
    }
}

enum status timing_refine(struct timing *out, double *error_db,
                          const struct sound *query,
                          const struct sketch *reference,
                          const struct timing *guess, uint64_t start,
                          uint64_t end, struct error *err)
{
    struct search *search = NULL;
    struct place place = {.frame_count = FIRST_FRAMES};
    size_t first = 0;
    size_t end_frame = 0;

    assert(isfinite(guess->offset_samples) && fabs(guess->drift) < .1);
    enum status status = search_open(&search, query, reference, guess, err);
    if (status == STATUS_OK) {
        status = find_stretch(&first, &end_frame, query, reference, guess,
                              start, end, err);
    }
    if (status != STATUS_OK) {
        goto out;
    }
    if (end_frame - first < FIRST_FRAMES) {
        place.frame_count = end_frame - first;
    }
    place.first_frame = loudest(reference, first, end_frame, place.frame_count);
    status = find_first(search, &place, first, end_frame, err);
    if (status != STATUS_OK) {
        goto out;
    }
    *out =
        (struct timing){.offset_samples = guess->offset_samples + place.shift,
                        .drift = guess->drift};
    *error_db = place.error_db;
    if (end_frame - first >= DRIFT_MIN_FRAMES) {
        status = find_drift(out, search, &place, first, end_frame, err);
    }
out:
    search_close(search);
    return status;
}
