/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: each outcome of a scan is one line that says what became of the file
 * and why. */
#include "api/cli/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check_line(const char *json, const char *path, const char *expected)
{
    json_t *upload = json_loads(json, 0, NULL);
    struct buffer line = {0};
    struct error err;

    assert_non_null(upload);
    assert_int_equal(outcome_line(&line, upload, path, &err), STATUS_OK);
    assert_string_equal(buffer_text(&line), expected);
    buffer_clear(&line);
    json_decref(upload);
}

static void a_match_shows_its_evidence(void **state)
{
    (void)state;
    check_line("{\"status\":\"matched\",\"reason\":\"matched\",\"match\":{"
               "\"recording_id\":\"rec_1\",\"title\":\"Feelings\","
               "\"artist\":\"Sectoid\",\"release\":\"Song Pack\","
               "\"bit_error_rate\":0.0041,\"aligned_ms\":221400,"
               "\"differences\":[]}}",
               "rips/a.mp3",
               "matched     rips/a.mp3: Sectoid - Feelings (Song Pack), bit "
               "errors 0.4 %, aligned 3:41");
}

static void another_edition_says_where_it_differs(void **state)
{
    (void)state;
    check_line("{\"status\":\"uploaded\",\"reason\":\"other_edition\","
               "\"match\":{\"title\":\"Feelings\",\"artist\":null,"
               "\"release\":null,\"bit_error_rate\":0.01,\"aligned_ms\":60000,"
               "\"differences\":[{\"start_ms\":72000,\"end_ms\":92000}]}}",
               "a.mp3",
               "uploaded    a.mp3: another edition is in the catalog; yours is "
               "kept [other_edition]: Feelings, bit errors 1.0 %, aligned "
               "1:00, differs at 1:12-1:32");
}

static void figures_and_cause_are_told_as_words(void **state)
{
    (void)state;
    check_line("{\"status\":\"matched\",\"match\":{\"title\":\"Feelings\","
               "\"cause\":null,\"sketch\":{\"score\":1.23,\"side_score\":"
               "null},\"residual_db\":null,\"drift_ppm\":0.0,"
               "\"attempt\":\"first\"}}",
               "a.mp3", "matched     a.mp3: Feelings, sketch 1.2");
    check_line("{\"status\":\"uploaded\",\"reason\":\"other_edition\","
               "\"match\":{\"title\":\"Feelings\",\"cause\":\"sketch\","
               "\"bit_error_rate\":0.01,\"sketch\":{\"score\":3.1,"
               "\"side_score\":1.4},\"residual_db\":-7.5}}",
               "a.mp3",
               "uploaded    a.mp3: another edition is in the catalog; yours is "
               "kept [other_edition]: Feelings, something else is heard in the "
               "middle, bit errors 1.0 %, sketch 3.1, side 1.4, residual -7.5 "
               "dB");
    check_line("{\"status\":\"uploaded\",\"reason\":\"held\",\"match\":{"
               "\"title\":\"Feelings\",\"cause\":\"of_tomorrow\"}}",
               "a.mp3",
               "uploaded    a.mp3: not surely the catalog's; yours is kept "
               "[held]: Feelings, of_tomorrow");
}

static void many_differences_are_counted(void **state)
{
    (void)state;
    check_line("{\"status\":\"uploaded\",\"reason\":\"held\",\"match\":{"
               "\"recording_id\":\"rec_1\",\"differences\":["
               "{\"start_ms\":1000,\"end_ms\":2000},"
               "{\"start_ms\":3000,\"end_ms\":4000},"
               "{\"start_ms\":5000,\"end_ms\":6000},"
               "{\"start_ms\":7000,\"end_ms\":8000},"
               "{\"start_ms\":9000,\"end_ms\":9500}]}}",
               "a.mp3",
               "uploaded    a.mp3: not surely the catalog's; yours is kept "
               "[held]: rec_1, differs at 0:01-0:02, 0:03-0:04, 0:05-0:06 and "
               "2 more");
}

static void what_has_no_evidence_has_a_reason(void **state)
{
    (void)state;
    check_line("{\"status\":\"ineligible\",\"reason\":\"not_audio\","
               "\"match\":null}",
               "a.mp3",
               "ineligible  a.mp3: no audio that can be read [not_audio]");
    check_line("{\"status\":\"ineligible\",\"reason\":\"of_tomorrow\"}", "a",
               "ineligible  a: of_tomorrow");
    check_line("{\"status\":\"not_sent\",\"reason\":\"unreadable\",\"detail\":"
               "\"cannot read it: check its mode\"}",
               "a",
               "not sent    a: cannot read it: check its mode [unreadable]");
}

static void foreign_text_is_made_safe(void **state)
{
    (void)state;
    check_line("{\"status\":\"matched\",\"reason\":\"matched\",\"match\":{"
               "\"title\":\"\\u001b[2J\"}}",
               "a\033b.mp3", "matched     a b.mp3: [2J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_shows_its_evidence),
        cmocka_unit_test(another_edition_says_where_it_differs),
        cmocka_unit_test(figures_and_cause_are_told_as_words),
        cmocka_unit_test(many_differences_are_counted),
        cmocka_unit_test(what_has_no_evidence_has_a_reason),
        cmocka_unit_test(foreign_text_is_made_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
