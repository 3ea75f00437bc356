#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Decoding and fingerprinting whole files in the sandboxed refrain-decoder
# against `fpcalc -length 0`, in turns: CPU time of one at a time, file by file
# and in all, then wall clock of one and of two at once.
#
# tests/bench/decode.sh [FILE...]   default: songs of the corpus, three to a
#                                   codec, made from its lossy originals
# REFRAIN_BIN  where refrain-decoder is; default build/release/bin
# ROUNDS       turns a file; default 10

set -euo pipefail
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
REFRAIN_BIN=${REFRAIN_BIN:-$SOURCE/build/release/bin}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/refrain-bench-decode.XXXXXX")
trap 'rm -rf -- "$WORK"' EXIT

[ -x "$REFRAIN_BIN/refrain-decoder" ] || {
    echo "decode.sh: no refrain-decoder in $REFRAIN_BIN: build the preset" \
        "release, or set REFRAIN_BIN" >&2
    exit 1
}
FILES=("$@")
if [ ${#FILES[@]} = 0 ]; then
    mapfile -t folders < <("$SOURCE/fixtures/corpus")
    # Songs of two to six minutes, as people have them.
    songs=()
    while read -r song && [ ${#songs[@]} -lt 3 ]; do
        seconds=$(ffprobe -v error -show_entries format=duration \
            -of csv=p=0 "$song" | cut -d. -f1)
        [ "$seconds" -ge 120 ] && [ "$seconds" -le 360 ] && songs+=("$song")
    done < <(find "${folders[@]}" -size +1000k -name '*.ogg' | sort)
    for i in "${!songs[@]}"; do
        for kind in 'mp3 -b:a 128k' 'mp3 -b:a 320k' 'm4a -b:a 256k' \
            'ogg -c:a libvorbis -q:a 5' 'opus -ar 48000 -b:a 128k' 'flac' \
            'wav'; do
            read -ra words <<<"$kind"
            name=${i}_$(tr -d " :-" <<<"${words[*]:1}").${words[0]}
            ffmpeg -nostdin -v error -i "${songs[$i]}" -vn -ac 2 -ar 44100 \
                "${words[@]:1}" "$WORK/$name"
            FILES+=("$WORK/$name")
        done
    done
fi

# Only what the pool needs, so that no other build has to be there.
cc -O2 -std=c17 -D_GNU_SOURCE -I"$SOURCE" -ffunction-sections \
    -Wl,--gc-sections -o "$WORK/decode" "$SOURCE/tests/bench/decode.c" \
    "$SOURCE"/matcher/decoder/{forker,handover,pool,wire}.c \
    "$SOURCE"/matcher/{audio,buffer,fingerprint_pack,status,utf8}.c \
    -lzstd -lm -lpthread

echo "$(nproc) cores; load $(cut -d' ' -f1-3 /proc/loadavg)"
"$WORK/decode" "$REFRAIN_BIN/refrain-decoder" "${ROUNDS:-10}" "${FILES[@]}"
