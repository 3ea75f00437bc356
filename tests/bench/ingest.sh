#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# How many songs a second the whole service takes in: HTTP, spool with fsync,
# sandboxed decoder, fingerprint, index, verdict, vault with fsync, Redis with
# fsync. Beside it the bound that nothing can beat: the same files decoded and
# fingerprinted by fpcalc, as many at once as there are cores.
#
# tests/bench/ingest.sh [SONGS] [SECONDS]     default: 24 songs of 180 s
# REFRAIN_BIN  programs to measure; default build/release/bin

REFRAIN_BIN=${REFRAIN_BIN:-$(cd "$(dirname "$0")/../.." && pwd)/build/release/bin}
source "$(dirname "$0")/../support/lib.sh"

SONGS=${1:-24}
LENGTH=${2:-180}
CORES=$(nproc)
# More clients than cores, so that the service always has work.
CLIENTS=$((CORES * 2))
# The release build has no test programs: made here.
COMPOSE=$WORK/compose
cc -O2 -std=c17 -D_GNU_SOURCE -o "$COMPOSE" \
    "$REFRAIN_SOURCE/tests/support/compose.c" -lm
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

millis() {
    echo $(($(date +%s%N) / 1000000))
}

per_second() { # COUNT MILLISECONDS
    awk -v n="$1" -v ms="$2" 'BEGIN { printf "%.2f", n * 1000 / ms }'
}

report() { # WHAT MILLISECONDS
    printf '%-44s %7d ms  %8s songs/s  %6s s of music/s\n' "$1" "$2" \
        "$(per_second "$SONGS" "$2")" "$(per_second $((SONGS * LENGTH)) "$2")"
}

make_song() { # NUMBER
    "$COMPOSE" "$((9000 + $1))" "$LENGTH" >"$WORK/$1.wav"
    "${FFMPEG[@]}" -i "$WORK/$1.wav" -metadata title="Bench $1" \
        -c:a libmp3lame -b:a 192k "$WORK/songs/$1.mp3"
    "${FFMPEG[@]}" -i "$WORK/$1.wav" -metadata title="Bench $1" \
        -c:a flac "$WORK/masters/$1.flac"
    rm "$WORK/$1.wav"
}

send_share() { # CLIENT EXPECTED-STATUS
    local i
    BODY=$WORK/body.$1 HEADERS=$WORK/headers.$1
    for ((i = $1; i < SONGS; i += CLIENTS)); do
        upload "$WORK/songs/$i.mp3"
        [ "$(json .status)" = "$2" ] || die "song $i: $(body_start)"
    done
}

send_all() { # EXPECTED-STATUS -> prints milliseconds
    local start client pids=()
    start=$(millis)
    for ((client = 0; client < CLIENTS; client++)); do
        send_share "$client" "$1" &
        pids+=($!)
    done
    for client in "${pids[@]}"; do
        wait "$client" || die "a client failed"
    done
    echo $(($(millis) - start))
}

step "make $SONGS songs of $LENGTH s"
mkdir "$WORK/songs" "$WORK/masters"
for ((i = 0; i < SONGS; i += CORES)); do
    for ((j = i; j < i + CORES && j < SONGS; j++)); do
        make_song "$j" &
    done
    wait
done

step "measure"
# Warm: the files are in the page cache, as they are after an upload.
cat "$WORK"/songs/* >/dev/null
start=$(millis)
printf '%s\n' "$WORK"/songs/* |
    xargs -P "$CORES" -n 1 sh -c 'fpcalc -raw -length 0 "$0" >/dev/null 2>&1 || [ $? = 3 ]'
bound=$(($(millis) - start))

service_start
new_subscriber unmatched@example.org
kept=$(send_all uploaded)
start=$(millis)
load_catalog "$WORK/masters"
loaded=$(($(millis) - start))
new_subscriber matched@example.org
matched=$(send_all matched)
service_stop

echo
echo "$CORES cores, $CLIENTS clients, load $(cut -d' ' -f1-3 /proc/loadavg)"
report "fpcalc -length 0, $CORES at once (the bound)" "$bound"
report "upload, nothing known: into the vault" "$kept"
report "catalog load (FLAC masters)" "$loaded"
report "upload, all known: matched" "$matched"
