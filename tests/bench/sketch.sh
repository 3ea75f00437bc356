#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# CPU time of the edition comparison a minute of audio: sketch, stored form,
# timing, comparison, second look; songs against their own MP3 at 128 kbit/s.
#
# tests/bench/sketch.sh [FILE...]   default: three songs of the corpus
# ROUNDS       turns a file; default 15

set -euo pipefail
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/refrain-bench-sketch.XXXXXX")
trap 'rm -rf -- "$WORK"' EXIT

FILES=("$@")
if [ ${#FILES[@]} = 0 ]; then
    mapfile -t folders < <("$SOURCE/fixtures/corpus")
    mapfile -t FILES < <(find "${folders[@]}" -size +1000k -name '*.ogg' |
        sort | head -3)
fi
read -ra libraries < <(pkg-config --cflags --libs fftw3f libzstd)
cc -O2 -std=c17 -D_GNU_SOURCE -I"$SOURCE" -ftrivial-auto-var-init=zero \
    -fstack-protector-strong -o "$WORK/sketch" "$SOURCE/tests/bench/sketch.c" \
    "$SOURCE"/matcher/{audio,buffer,rank,residual,sketch,sketch_compare}.c \
    "$SOURCE"/matcher/{sketch_pack,sound,spectrum,status,timing}.c \
    "${libraries[@]}" -lm -pthread

raw() { # FILE OUT
    ffmpeg -nostdin -v error -i "$1" -vn -ac 2 -ar 11025 -f s16le "$2"
}
echo "load $(cut -d' ' -f1-3 /proc/loadavg)"
for file in "${FILES[@]}"; do
    rm -f "$WORK"/{master,query}.raw
    raw "$file" "$WORK/master.raw"
    ffmpeg -nostdin -v error -y -i "$file" -vn -ac 2 -ar 44100 -b:a 128k \
        "$WORK/copy.mp3"
    raw "$WORK/copy.mp3" "$WORK/query.raw"
    echo "$(basename "$(dirname "$file")")/$(basename "$file")"
    "$WORK/sketch" "${ROUNDS:-15}" "$WORK/master.raw" "$WORK/query.raw"
done
