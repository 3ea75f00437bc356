/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/routes/times.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_LAST_MS INT64_C(253402300799000) /* 9999-12-31T23:59:59Z */

void time_print(char out[TIME_TEXT_SIZE], int64_t at_ms)
{
    if (at_ms < 0) {
        at_ms = 0;
    }
    if (at_ms > TIME_LAST_MS) {
        at_ms = TIME_LAST_MS;
    }
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts = {0};
    gmtime_r(&seconds, &parts);
    (void)strftime(out, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

/* Exactly `count` digits, at most `max`; moves *at behind them. */
static bool digits(const char **at, unsigned count, int max, int *value)
{
    int sum = 0;
    for (unsigned i = 0; i < count; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9') {
            return false;
        }
        sum = 10 * sum + (c - '0');
    }
    *at += count;
    *value = sum;
    return sum <= max;
}

static bool literal(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool parse_date(const char **at, struct tm *parts)
{
    bool good = digits(at, 4, 9999, &parts->tm_year) && literal(at, '-') &&
                digits(at, 2, 12, &parts->tm_mon) && literal(at, '-') &&
                digits(at, 2, 31, &parts->tm_mday);
    parts->tm_year -= 1900;
    parts->tm_mon -= 1;
    return good && parts->tm_mon >= 0 && parts->tm_mday >= 1;
}

/* "T08:00:00.25Z" or "…+02:00"; the fraction is read over. */
static bool parse_clock(const char **at, struct tm *parts, int *offset_s)
{
    int hours = 0;
    int minutes = 0;
    if (!(literal(at, 'T') || literal(at, 't') || literal(at, ' ')) ||
        !digits(at, 2, 23, &parts->tm_hour) || !literal(at, ':') ||
        !digits(at, 2, 59, &parts->tm_min) || !literal(at, ':') ||
        !digits(at, 2, 59, &parts->tm_sec)) {
        return false;
    }
    if (literal(at, '.')) {
        size_t fraction = strspn(*at, "0123456789");
        if (fraction == 0) {
            return false;
        }
        *at += fraction;
    }
    if (literal(at, 'Z') || literal(at, 'z')) {
        *offset_s = 0;
        return true;
    }
    int sign = **at == '-' ? -1 : 1;
    if (!(literal(at, '+') || literal(at, '-')) || !digits(at, 2, 23, &hours) ||
        !literal(at, ':') || !digits(at, 2, 59, &minutes)) {
        return false;
    }
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool time_parse(const char *text, int64_t *at_ms)
{
    struct tm parts = {.tm_hour = 23, .tm_min = 59, .tm_sec = 59};
    int offset_s = 0;
    if (!parse_date(&text, &parts)) {
        return false;
    }
    if (*text != '\0' && !parse_clock(&text, &parts, &offset_s)) {
        return false;
    }
    int day = parts.tm_mday;
    time_t seconds = timegm(&parts); /* brings 31 April to 1 May */
    if (*text != '\0' || parts.tm_mday != day) {
        return false;
    }
    int64_t at_s = (int64_t)seconds - offset_s;
    *at_ms = at_s * 1000;
    return at_s >= 0;
}
