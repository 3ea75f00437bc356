/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef REFRAIN_MATCHER_STATUS_H
#define REFRAIN_MATCHER_STATUS_H

/** How anything in Refrain fails: a status to branch on and, for the person,
 *  a stable word and a sentence that says what to do. Every fallible function
 *  returns `enum status` and takes `struct error *err` last; on STATUS_OK
 *  `err` is left alone. A bug of ours is no status: it is an assert. */
enum status {
    STATUS_OK = 0,
    STATUS_INVALID,     /* what the caller was given is wrong: bad input */
    STATUS_NOT_FOUND,   /* there is no such thing (or not for this caller) */
    STATUS_CONFLICT,    /* the state does not allow it: taken, already done */
    STATUS_DENIED,      /* wrong password, token, role or subscription */
    STATUS_LIMIT,       /* a quota or a bound was reached */
    STATUS_UNAVAILABLE, /* Redis, disk or a child is gone: try later */
    STATUS_CORRUPT,     /* stored bytes do not verify */
    STATUS_NO_MEMORY,   /* an allocation failed; nothing was kept */
};

/* The compiler refuses a call whose result nobody looks at. */
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first_index)                                 \
    __attribute__((format(printf, format_index, first_index)))

/** Why something failed.
 *  code  stable word for programs ("not_audio"), [a-z_], never empty once set
 *  text  one sentence for the person; no secret, no key, no token in it */
struct error {
    char code[32];
    char text[512];
};

/** Fills `err` (which may be NULL) and returns `status`, so that a failure is
 *  one line: return error_set(err, STATUS_INVALID, "not_audio", "...");
 *  Overlong text is cut at the end. */
enum status error_set(struct error *err, enum status status, const char *code,
                      const char *format, ...) PRINTF_LIKE(4, 5);

/** Puts where it happened before the sentence: "upload u_1: <text>". */
void error_context(struct error *err, const char *format, ...)
    PRINTF_LIKE(2, 3);

#endif
