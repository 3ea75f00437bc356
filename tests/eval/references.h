/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_TESTS_EVAL_REFERENCES_H
#define REFRAIN_TESTS_EVAL_REFERENCES_H

#include "matcher/decoder/pool.h"
#include "matcher/terms.h"

#include <stdbool.h>
#include <stddef.h>

/** A catalog in memory: what the service keeps in Redis and beside its masters,
 *  of every recording that the evaluation knows. Whatever goes wrong with it
 *  ends the program with a sentence. */

struct recording {
    char *id;
    char *song;
    char *path;
    bool is_base; /* in every catalog; others are named by the question */
    struct reference reference;
    struct terms terms;
    struct buffer sketch; /* as it is stored */
};
struct references {
    struct recording *list;
    size_t count;
    struct decoder_pool *masters; /* second looks */
};

/** Reads references.tsv and, for each, what `store` (a folder) has of it; a
 *  master that is not there yet is decoded and stored. */
struct references references_load(const char *list, const char *store,
                                  const char *decoder_program);
void references_clear(struct references *references);

/** Those of a question's catalog that share most terms with the query. */
enum { CANDIDATES_MAX = 10 };
struct candidates {
    const struct references *references;
    size_t indices[CANDIDATES_MAX]; /* in `references`, the best first */
    struct reference list[CANDIDATES_MAX];
    size_t count;
    bool by_neighbours; /* the second try found them */
};

/** The catalog: all base recordings but those of `song`, and of `song` those
 *  named in `own` ("-": none; else ids with commas between). */
struct candidates candidates_find(const struct references *references,
                                  const struct fingerprint *query,
                                  const char *song, const char *own);
/** Whether `id` is among the names of `own`. */
bool own_has(const char *own, const char *id);
/** For decoder_match(): borrowed from `candidates`. */
struct reference_source candidates_source(struct candidates *candidates);

/** Ends the program. */
_Noreturn void give_up(const char *what, const char *why);

#endif
