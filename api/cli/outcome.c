/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/cli/outcome.h"

#include "api/cli/text.h"

#include <string.h>

/* More than these are told by their number. */
enum { STRETCHES_SHOWN = 3 };

struct word {
    const char *api;
    const char *shown;
};

static const struct word reasons[] = {
    {"matched", "the catalog has it"},
    {"no_candidate", "nothing in the catalog sounds like it; yours is kept"},
    {"other_edition", "another edition is in the catalog; yours is kept"},
    {"held", "not surely the catalog's; yours is kept"},
    {"own_audio_wanted", "not your song; your own file is wanted"},
    {"fixed", "not the catalog's, as you said; yours is kept"},
    {"denied", "like one that you said is not your song; yours is kept"},
    {"duplicate", "the library has it already"},
    {"same_file", "another file here has the same bytes"},
    {"not_audio", "no audio that can be read"},
    {"too_short", "too short to recognise"},
    {"too_long", "longer than two hours"},
    {"too_large", "larger than the service takes"},
    {"quota", "no room left in the library"},
};

/* What kept it from being a match: the API's word, shown between the names and
 * the figures. */
static const struct word causes[] = {
    {"structure", "a part is missing, repeated or another"},
    {"ends", "begins or ends elsewhere"},
    {"fade", "faded where the other plays on"},
    {"sketch", "something else is heard in the middle"},
    {"side", "something else is heard at the sides"},
    {"advisory", "one is explicit, the other clean"},
    {"bit_errors", "too far apart"},
    {"short", "too little in common"},
    {"doubt", "too close to call"},
    {"dynamics", "another mastering"},
    {"siblings", "two recordings fit equally"},
    {"unavailable", "the catalog's copy cannot be read"},
};

static const char *word_of(const struct word *words, size_t count,
                           const char *api)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(api, words[i].api) == 0) {
            return words[i].shown;
        }
    }
    return api;
}

const char *outcome_reason(const char *reason)
{
    return word_of(reasons, sizeof(reasons) / sizeof(reasons[0]), reason);
}

enum status outcome_names(struct buffer *out, const char *artist,
                          const char *title, const char *release,
                          struct error *err)
{
    enum status status = text_append(out, artist, err);

    if (status == STATUS_OK && artist[0] != '\0') {
        status = buffer_printf(out, err, " - ");
    }
    if (status == STATUS_OK) {
        status = text_append(out, title, err);
    }
    if (status == STATUS_OK && release[0] != '\0') {
        status = buffer_printf(out, err, " (");
        if (status == STATUS_OK) {
            status = text_append(out, release, err);
        }
        if (status == STATUS_OK) {
            status = buffer_printf(out, err, ")");
        }
    }
    return status;
}

/* ", differs at 1:12-1:32, 2:00-2:05" */
static enum status append_differences(struct buffer *out,
                                      const json_t *differences,
                                      struct error *err)
{
    const size_t count = json_array_size(differences);
    enum status status = STATUS_OK;

    for (size_t i = 0; i < count && i < STRETCHES_SHOWN && status == STATUS_OK;
         i++) {
        const json_t *stretch = json_array_get(differences, i);
        char start[TEXT_SHORT_SIZE];
        char end[TEXT_SHORT_SIZE];

        text_time(start, text_integer(stretch, "start_ms", 0));
        text_time(end, text_integer(stretch, "end_ms", 0));
        status = buffer_printf(out, err, "%s %s-%s",
                               i == 0 ? ", differs at" : ",", start, end);
    }
    if (status == STATUS_OK && count > STRETCHES_SHOWN) {
        status =
            buffer_printf(out, err, " and %zu more", count - STRETCHES_SHOWN);
    }
    return status;
}

/* ", something else is heard in the middle" */
static enum status append_cause(struct buffer *out, const json_t *match,
                                struct error *err)
{
    const char *cause = text_member(match, "cause", "");
    enum status status = STATUS_OK;

    if (cause[0] != '\0') {
        status = buffer_printf(out, err, ", ");
        cause = word_of(causes, sizeof(causes) / sizeof(causes[0]), cause);
    }
    return status == STATUS_OK ? text_append(out, cause, err) : status;
}

/* ", sketch 1.2" */
static enum status append_figure(struct buffer *out, const json_t *figure,
                                 const char *name, const char *unit,
                                 struct error *err)
{
    return json_is_number(figure)
               ? buffer_printf(out, err, ", %s %.1f%s", name,
                               json_number_value(figure), unit)
               : STATUS_OK;
}

/* What was measured of the edition: what is null was not. */
static enum status append_comparison(struct buffer *out, const json_t *match,
                                     struct error *err)
{
    const json_t *sketch = json_object_get(match, "sketch");
    enum status status =
        append_figure(out, json_object_get(sketch, "score"), "sketch", "", err);

    if (status == STATUS_OK) {
        status = append_figure(out, json_object_get(sketch, "side_score"),
                               "side", "", err);
    }
    if (status == STATUS_OK) {
        status = append_figure(out, json_object_get(match, "residual_db"),
                               "residual", " dB", err);
    }
    return status;
}

enum status outcome_evidence(struct buffer *out, const json_t *match,
                             struct error *err)
{
    const json_t *bit_errors = json_object_get(match, "bit_error_rate");
    const int64_t aligned_ms = text_integer(match, "aligned_ms", 0);
    char aligned[TEXT_SHORT_SIZE];
    enum status status = STATUS_OK;

    if (!json_is_object(match)) {
        return STATUS_OK;
    }
    status = outcome_names(
        out, text_member(match, "artist", ""),
        text_member(match, "title",
                    text_member(match, "recording_id", "a recording")),
        text_member(match, "release", ""), err);
    if (status == STATUS_OK) {
        status = append_cause(out, match, err);
    }
    if (status == STATUS_OK && json_is_number(bit_errors)) {
        status = buffer_printf(out, err, ", bit errors %.1f %%",
                               100 * json_number_value(bit_errors));
    }
    if (status == STATUS_OK && aligned_ms > 0) {
        text_time(aligned, aligned_ms);
        status = buffer_printf(out, err, ", aligned %s", aligned);
    }
    if (status == STATUS_OK) {
        status = append_comparison(out, match, err);
    }
    if (status == STATUS_OK) {
        status =
            append_differences(out, json_object_get(match, "differences"), err);
    }
    return status;
}

/* "nothing in the catalog sounds like it; yours is kept [no_candidate]": the
 * word in brackets is the one of the API, to search and to ask for. */
static enum status append_reason(struct buffer *out, const json_t *upload,
                                 struct error *err)
{
    const char *reason = text_member(upload, "reason", "");
    const char *words = text_member(upload, "detail", outcome_reason(reason));
    enum status status = text_append(out, words, err);

    if (status == STATUS_OK && reason[0] != '\0' &&
        strcmp(words, reason) != 0) {
        status = buffer_printf(out, err, " [");
        if (status == STATUS_OK) {
            status = text_append(out, reason, err);
        }
        if (status == STATUS_OK) {
            status = buffer_printf(out, err, "]");
        }
    }
    return status;
}

enum status outcome_line(struct buffer *out, const json_t *upload,
                         const char *path, struct error *err)
{
    const char *word = text_member(upload, "status", "unknown");
    const json_t *match = json_object_get(upload, "match");
    enum status status = buffer_printf(
        out, err, "%-11s ", strcmp(word, "not_sent") == 0 ? "not sent" : word);

    if (status == STATUS_OK) {
        status = text_append(out, path, err);
    }
    if (status == STATUS_OK) {
        status = buffer_printf(out, err, ": ");
    }
    if (status == STATUS_OK && strcmp(word, "matched") != 0) {
        status = append_reason(out, upload, err);
        if (status == STATUS_OK && json_is_object(match)) {
            status = buffer_printf(out, err, ": ");
        }
    }
    return status == STATUS_OK ? outcome_evidence(out, match, err) : status;
}
