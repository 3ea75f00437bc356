#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# CPU time of decoding and fingerprinting a whole file in the sandboxed
# refrain-decoder against `fpcalc -length 0`, in turns, as a ratio.
#
# tests/bench/decode.sh [FILE...]   default: real music of the corpus
# REFRAIN_BIN  where refrain-decoder is; default build/release/bin
# ROUNDS       turns a file; default 5

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
    mapfile -t FILES < <(find "${folders[@]}" -size +500k \
        \( -name '*.ogg' -o -name '*.mp3' \) | sort | head -8)
    # The other codecs that people have, of the first song.
    for kind in 'b.m4a -b:a 256k' 'c.flac' 'd.opus -b:a 128k' 'e.wav'; do
        read -ra words <<<"$kind"
        ffmpeg -nostdin -v error -i "${FILES[0]}" -vn "${words[@]:1}" \
            "$WORK/${words[0]}"
        FILES+=("$WORK/${words[0]}")
    done
fi

# Only what the pool needs, so that no other build has to be there.
cc -O2 -std=c17 -D_GNU_SOURCE -I"$SOURCE" -o "$WORK/decode" \
    "$SOURCE/tests/bench/decode.c" "$SOURCE"/matcher/decoder/{match,pool,wire}.c \
    "$SOURCE"/matcher/{align,audio,buffer,edition,fingerprint_pack,levels,status,utf8,verdict}.c \
    -lzstd -lm -lpthread

echo "$(nproc) cores; load $(cut -d' ' -f1-3 /proc/loadavg)"
"$WORK/decode" "$REFRAIN_BIN/refrain-decoder" "${ROUNDS:-5}" "${FILES[@]}"
