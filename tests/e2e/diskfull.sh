#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: a full disk costs nobody anything. Uploads are refused with
# 507 and leave nothing behind, songs that were acknowledged stay whole, and
# work goes on when there is space again. A folder that cannot be used, a taken
# port and a data folder in use are a sentence and exit code 1.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

expect_refusal() { # WHAT WORD-IN-MESSAGE COMMAND…
    local what=$1 word=$2
    shift 2
    step "$what"
    expect_exit 1 timeout 60 "$@"
    grep -qi -- "$word" "$WORK/err" ||
        die "the message does not name '$word': $(cat "$WORK/err")"
    expect_equal "lines on stdout" 0 "$(wc -l <"$WORK/out")"
}

# --- where it cannot start ------------------------------------------------------------

service_start
expect_refusal "the port is taken" "${URL##*:}" \
    "$REFRAIN_BIN/refraind" --data "$WORK/other" --listen "${URL#http://}"
expect_refusal "the data folder is another's" "$DATA" \
    "$REFRAIN_BIN/refraind" --data "$DATA" --listen 127.0.0.1:0
expect_alive "a second start on its folder"
service_stop
: >"$WORK/file"
expect_refusal "the data folder is a file" "$WORK/file" \
    "$REFRAIN_BIN/refraind" --data "$WORK/file" --listen 127.0.0.1:0
expect_refusal "the data folder is in a file" "$WORK/file" \
    "$REFRAIN_BIN/refraind" --data "$WORK/file/data" --listen 127.0.0.1:0
expect_refusal "the address is none of ours" 192.0.2.1 \
    "$REFRAIN_BIN/refraind" --data "$WORK/other" --listen 192.0.2.1:0
step "wrong usage is exit code 2"
expect_exit 2 "$REFRAIN_BIN/refraind" --listen 127.0.0.1:0 </dev/null
expect_exit 2 "$REFRAIN_BIN/refraind" --data "$WORK/other" --nonsense

DATA=$WORK/small
mkdir "$DATA"
[ "$(id -u)" = 0 ] || skip_story "a small disk needs root to mount a tmpfs:" \
    "the rest of this story did not run"
mount -t tmpfs -o size=160m tmpfs "$DATA" 2>"$WORK/mount.err" ||
    skip_story "no tmpfs can be mounted here ($(cat "$WORK/mount.err")):" \
        "the rest of this story did not run"
undo "umount -l '$DATA'"

mount -o remount,ro "$DATA"
expect_refusal "the data folder is read-only" "$DATA" \
    "$REFRAIN_BIN/refraind" --data "$DATA" --listen 127.0.0.1:0
mount -o remount,rw "$DATA"

# --- full while it runs: readiness asks for 101 MiB, uploads for what they need ----

service_start
new_subscriber full@example.org
upload_expect "$(clip_short 201)" uploaded no_candidate
declare -A SONGS=([$TRACK_ID]=$(clip_short 201))

check_songs() {
    local id
    for id in "${!SONGS[@]}"; do
        fetch_audio "$id" "$WORK/back"
        expect_same_bytes "song $id" "${SONGS[$id]}" "$WORK/back"
    done
}

fill_leaving() { # BYTES
    local free
    free=$(($(stat -f -c '%a * %S' "$DATA")))
    [ "$free" -le "$1" ] || head -c $((free - $1)) /dev/zero >"$DATA/ballast"
}

spool_bytes() {
    find "$DATA/spool" -type f -printf '%s\n' | awk '{n += $1} END {print n + 0}'
}

step "less space than the song: 507, and nothing left behind"
fill_leaving 900000
for seed in 1 2; do
    api POST "/v1/uploads?filename=big.flac&wait=20" \
        --data-binary "@$(clip_master $seed)"
    expect_problem 507 '[a-z_]+'
    expect_header retry-after '^[0-9]+$'
done
expect_equal "bytes in the spool" 0 "$(spool_bytes)"
check_songs

step "no space at all: refused, still serving"
head -c 200000000 /dev/zero >>"$DATA/ballast" 2>/dev/null || true
for seed in 202 203 204; do
    api POST "/v1/uploads?filename=small.flac" \
        --data-binary "@$(clip_short $seed)"
    [[ $STATUS = 507 || $STATUS = 503 ]] ||
        die "expected 507 or 503 on a full disk, got $STATUS: $(body_start)"
    expect_problem "$STATUS" '[a-z_]+'
done
api GET /readyz
[ "$STATUS" = 503 ] || problem "/readyz says $STATUS on a full disk"
expect_alive "a full disk"
expect_equal "bytes in the spool" 0 "$(spool_bytes)"

step "space is back: all is there, and work goes on"
rm "$DATA/ballast"
wait_for 30 "the service to be ready" curl -sf "$URL/readyz"
check_songs
upload_expect "$(clip_short 205)" uploaded no_candidate
SONGS[$TRACK_ID]=$(clip_short 205)

step "full in the middle of many uploads: what was acknowledged is kept"
fill_leaving 6000000
declare -A ACKED=()
refused=0
for seed in {206..220}; do
    api_try POST "/v1/uploads?filename=$seed.flac" \
        --data-binary "@$(clip_short $seed)"
    case $STATUS in
    202) ACKED[$(json .id)]=$(clip_short "$seed") ;;
    507 | 503)
        expect_problem "$STATUS" '[a-z_]+'
        refused=$((refused + 1))
        ;;
    *) die "expected 202, 503 or 507, got $STATUS: $(body_start)" ;;
    esac
done
echo "   ${#ACKED[@]} acknowledged, $refused refused"
[ "$refused" -gt 0 ] || die "nothing was refused: the disk was never full"
rm "$DATA/ballast"
wait_for 30 "the service to be ready" curl -sf "$URL/readyz"
for id in "${!ACKED[@]}"; do
    await_upload "$id"
    expect_json .status uploaded
    SONGS[$(json .track_id)]=${ACKED[$id]}
done
check_songs
expect_equal "bytes in the spool" 0 "$(spool_bytes)"

step "after a restart, too"
service_stop
service_start
check_songs
service_stop
