#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: SIGTERM ends the service politely. A download in hand is
# finished, a waiting client gets an answer, nothing acknowledged is dropped,
# the exit code is 0, no process stays, and the next start finds everything.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

service_start
new_subscriber patient@example.org
SONG_FILE=$(clip_mp3 4 160)
upload_expect "$SONG_FILE" uploaded no_candidate
SONG=$TRACK_ID
api GET /v1/library
VERSION=$(json .version)

step "SIGTERM during a slow download, a wait and uploads in work"
# 1.5 MB at 500 KB/s: three seconds.
curl -sS -m 60 --limit-rate 500k -o "$WORK/download" -w '%{http_code}' \
    -H "Authorization: Bearer $TOKEN" "$URL/v1/tracks/$SONG/audio" \
    >"$WORK/download.status" &
download=$!
curl -sS -m 60 -o "$WORK/waiting" -w '%{http_code}' \
    -H "Authorization: Bearer $TOKEN" \
    "$URL/v1/library/changes?since=$VERSION&wait=60" >"$WORK/waiting.status" &
waiting=$!
sleep 0.5
declare -A ACKED=() # upload id -> file
for seed in {201..206}; do
    api POST "/v1/uploads?filename=$seed.flac" --data-binary "@$(clip_short $seed)"
    expect_status 202
    ACKED[$(json .id)]=$(clip_short $seed)
done
start=$SECONDS
service_stop
expect_between "seconds that the end took" 0 30 $((SECONDS - start))
wait "$download" || die "the download in hand was cut"
expect_equal "status of the download" 200 "$(cat "$WORK/download.status")"
expect_same_bytes "download over the end" "$SONG_FILE" "$WORK/download"
wait "$waiting" || die "the waiting client got no answer"
expect_match "status of the waiting client" '^(200|503)$' \
    "$(cat "$WORK/waiting.status")"

step "a new start takes up what was left"
service_start
for id in "${!ACKED[@]}"; do
    await_upload "$id"
    expect_json .status uploaded
    fetch_audio "$(json .track_id)" "$WORK/back"
    expect_same_bytes "upload $id" "${ACKED[$id]}" "$WORK/back"
done

step "a second SIGTERM does no harm"
kill -TERM "$SERVICE_PID"
kill -TERM "$SERVICE_PID" 2>/dev/null || true
code=0
wait "$SERVICE_PID" || code=$?
SERVICE_PID=
expect_equal "exit code" 0 "$code"
wait_for 10 "every process to end" no_own_processes

step "started and stopped at once, five times"
for _ in {1..5}; do
    service_start
    service_stop
done
service_start
fetch_audio "$SONG" "$WORK/back"
expect_same_bytes "the song" "$SONG_FILE" "$WORK/back"
service_stop
