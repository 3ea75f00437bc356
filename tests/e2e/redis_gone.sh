#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: when Redis goes, the service says so and promises nothing;
# when Redis is back, so is everything that was acknowledged. Both for the
# embedded Redis, which is brought back, and for one of somebody else.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

# Asks until Redis is back; until then every answer must be the documented 503.
# Prints how many of those there were.
answers_until_back() {
    local unavailable=0 until=$((SECONDS + 20))
    while :; do
        api_try GET /v1/me
        case $STATUS in
        200) break ;;
        503)
            expect_problem 503 '[a-z_]+'
            expect_header retry-after '^[0-9]+$'
            unavailable=$((unavailable + 1))
            ;;
        *) die "expected 200 or 503 while Redis is away, got $STATUS:" \
            "$(body_start)" ;;
        esac
        [ "$SECONDS" -lt "$until" ] || die "Redis is not back after 20 s"
        sleep 0.05
    done
    echo "$unavailable"
}

expect_song() { # TRACK FILE
    fetch_audio "$1" "$WORK/back"
    expect_same_bytes "$(basename "$2")" "$2" "$WORK/back"
}

step "the embedded Redis is killed, and comes back by itself"
service_start
new_subscriber redis@example.org
upload_expect "$(clip_short 201)" uploaded no_candidate
SONG=$TRACK_ID
for round in 1 2 3; do
    old=$(redis_pid)
    [ -n "$old" ] || die "there is no embedded Redis"
    kill -KILL "$old"
    told=$(answers_until_back)
    [ "$(redis_pid)" != "$old" ] || die "the killed Redis still runs"
    expect_song "$SONG" "$(clip_short 201)"
    echo "   round $round: $told requests were told 503"
done
upload_expect "$(clip_short 202)" uploaded no_candidate
expect_alive "three kills of Redis"

step "while it hangs, requests are told 503 and not left hanging"
hanging=$(redis_pid)
kill -STOP "$hanging"
undo "kill -CONT $hanging 2>/dev/null"
start=$SECONDS
api_try GET /v1/me
kill -CONT "$hanging"
expect_problem 503 '[a-z_]+'
expect_between "seconds until the answer" 0 30 $((SECONDS - start))
answers_until_back >/dev/null
expect_song "$SONG" "$(clip_short 201)"
service_stop

step "a Redis of somebody else: stopped and started again"
DATA=$WORK/second
mkdir -p "$WORK/external"
start_external() {
    redis-server --port 0 --unixsocket "$WORK/external/s" --appendonly yes \
        --appendfsync always --save '' --dir "$WORK/external" \
        >>"$WORK/external/log" 2>&1 &
    external=$!
    wait_for 20 "the external Redis" redis-cli -s "$WORK/external/s" ping
}
start_external
service_start --redis "unix:$WORK/external/s"
[ ! -e "$DATA/redis/appendonlydir" ] || die "an embedded Redis runs as well"
new_subscriber external@example.org
upload_expect "$(clip_short 203)" uploaded no_candidate
SONG=$TRACK_ID
kill -TERM "$external"
wait "$external" || true
for path in /v1/me /v1/library "/v1/tracks/$SONG/audio"; do
    api GET "$path"
    check_problem "GET $path without Redis" 503 '[a-z_]+'
    [ -n "$(header retry-after)" ] || problem "GET $path: 503 without Retry-After"
done
upload "$(clip_short 204)"
check_problem "an upload without Redis" 503 '[a-z_]+'
api_json POST /v1/accounts \
    '{"email":"new@example.org","password":"correct horse 4 battery"}'
check_problem "a sign-up without Redis" 503 '[a-z_]+'
api GET /readyz
[ "$STATUS" = 503 ] || problem "/readyz says $STATUS without Redis"
api GET /healthz
[ "$STATUS" = 200 ] || problem "/healthz says $STATUS without Redis"
start_external
answers_until_back >/dev/null
expect_song "$SONG" "$(clip_short 203)"
upload_expect "$(clip_short 204)" uploaded no_candidate
api GET /readyz
expect_status 200

step "stopping the service leaves somebody else's Redis alone"
code=0
kill -TERM "$SERVICE_PID"
wait "$SERVICE_PID" || code=$?
SERVICE_PID=
expect_equal "exit code" 0 "$code"
redis-cli -s "$WORK/external/s" ping >/dev/null || die "it stopped our Redis"

step "a Redis that is not there: a sentence and exit code 1"
kill -TERM "$external"
wait "$external" || true
expect_exit 1 timeout 90 "$REFRAIN_BIN/refraind" --data "$DATA" \
    --listen 127.0.0.1:0 --redis "unix:$WORK/external/s"
grep -qi redis "$WORK/err" || die "the message does not name Redis: $(cat "$WORK/err")"
