/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Goal: an event is one line, whole and stamped; counters come out as
 * Prometheus' text format 0.0.4 has them. */
#include "api/log.h"
#include "api/metrics.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What one log_event() writes. */
static void log_once(char *out, size_t size, const char *value)
{
    int ends[2];
    struct log *log = NULL;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(log_open(&log, ends[1], NULL), STATUS_OK);
    log_event(log, LOG_WARNING, "request", "request_id=%s status=%u", value,
              200U);
    log_close(log);
    assert_int_equal(close(ends[1]), 0);
    ssize_t got = read(ends[0], out, size - 1);
    assert_true(got > 0);
    out[got] = '\0';
    assert_int_equal(close(ends[0]), 0);
}

static void test_line(void **state)
{
    (void)state;
    char line[4096];
    regex_t form;
    log_once(line, sizeof line, "req_1");
    assert_int_equal(
        regcomp(&form,
                "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
                "\\.[0-9]{3}Z warning request request_id=req_1 status=200\n$",
                REG_EXTENDED | REG_NOSUB),
        0);
    assert_int_equal(regexec(&form, line, 0, NULL, 0), 0);
    regfree(&form);
}

/* Cut at the end, still one line. */
static void test_overlong(void **state)
{
    (void)state;
    char line[8192];
    char value[5000];
    memset(value, 'a', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    log_once(line, sizeof line, value);
    size_t length = strlen(line);
    assert_true(length < 4096);
    assert_int_equal(line[length - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + length - 1);
}

static void test_counts(void **state)
{
    (void)state;
    struct metrics *metrics = NULL;
    struct buffer text = {0};
    assert_int_equal(metrics_open(&metrics, NULL), STATUS_OK);
    metrics_add(metrics, METRIC_REQUESTS_4XX, 2);
    metrics_add(metrics, METRIC_BYTES_SENT, INT64_C(5000000000));
    metrics_add(metrics, METRIC_CONNECTIONS_OPEN, 1);
    metrics_add(metrics, METRIC_CONNECTIONS_OPEN, 1);
    metrics_add(metrics, METRIC_CONNECTIONS_OPEN, -1);
    assert_int_equal(metrics_print(metrics, &text, NULL), STATUS_OK);
    static const char *const lines[] = {
        "\nrefrain_requests_total{class=\"2xx\"} 0\n",
        "\nrefrain_requests_total{class=\"4xx\"} 2\n",
        "\nrefrain_sent_bytes_total 5000000000\n",
        "\nrefrain_connections_open 1\n",
        "\n# TYPE refrain_connections_open gauge\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_non_null(strstr(buffer_text(&text), lines[i]));
    }
    buffer_clear(&text);
    metrics_close(metrics);
}

/* Every line is a comment or "name[{labels}] number"; a family has one TYPE
 * line, before its samples. */
static void test_format(void **state)
{
    (void)state;
    struct metrics *metrics = NULL;
    struct buffer text = {0};
    regex_t sample;
    assert_int_equal(metrics_open(&metrics, NULL), STATUS_OK);
    assert_int_equal(metrics_print(metrics, &text, NULL), STATUS_OK);
    assert_int_equal(regcomp(&sample,
                             "^[a-z_]+(\\{[a-z]+=\"[^\"]+\"\\})? -?[0-9]+$",
                             REG_EXTENDED | REG_NOSUB),
                     0);
    char *rest = (char *)text.bytes;
    char family[128] = "";
    while (rest[0] != '\0') {
        char *line = strsep(&rest, "\n");
        if (strncmp(line, "# TYPE ", 7) == 0) {
            size_t length = strcspn(line + 7, " ");
            assert_true(length < sizeof family);
            memcpy(family, line + 7, length);
            family[length] = '\0';
        } else if (line[0] != '#') {
            assert_int_equal(regexec(&sample, line, 0, NULL, 0), 0);
            assert_int_equal(strncmp(line, family, strlen(family)), 0);
        }
    }
    regfree(&sample);
    buffer_clear(&text);
    metrics_close(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_overlong),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
