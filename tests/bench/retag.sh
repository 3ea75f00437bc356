#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What a re-tagged copy of a song costs in the vault, in % of the file: another
# text; that and a new cover, the cover's own bytes taken off; then another title
# beside the same cover. The mean over all songs. Every copy is read back and
# compared.
#
# tests/bench/retag.sh [SONG...]   default: five songs of the corpus
# COVER_BYTES  of the new cover; default 204800

set -euo pipefail
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/refrain-bench-retag.XXXXXX")
trap 'rm -rf -- "$WORK"' EXIT
COVER_BYTES=${COVER_BYTES:-204800}
RETAG=$WORK/retag
# shellcheck source=tests/support/retag.sh
. "$SOURCE/tests/support/retag.sh"

# Not among those of the test, whose song is short: 2 KB of text and the
# headers are 0.6 % of it.
RETAG_KINDS+='64k.ogg       -c:a libvorbis -b:a 64k
'
SONGS=("$@")
if [ ${#SONGS[@]} = 0 ]; then
    mapfile -t folders < <("$SOURCE/fixtures/corpus")
    mapfile -t SONGS < <(find "${folders[@]}" -size +2000k -name '*.ogg' |
        sort | head -n 5)
fi

# Only what the vault needs, so that no build has to be there.
cc -O2 -std=c17 -D_GNU_SOURCE -I"$SOURCE" -o "$RETAG" \
    "$SOURCE/tests/support/retag.c" "$SOURCE"/catalog/vault/*.c \
    "$SOURCE/catalog/id.c" "$SOURCE/matcher/buffer.c" \
    "$SOURCE/matcher/status.c" -lcrypto

retag_cover "$WORK/cover.jpg" "$COVER_BYTES"
echo "${#SONGS[@]} songs; new bytes in % of the file"
printf '%-15s %10s %10s %10s %10s\n' \
    file bytes text "+ cover" "then text"
while read -r name options; do
    [ -n "$name" ] || continue
    read -ra words <<<"$options"
    for song in "${SONGS[@]}"; do
        retag_measure "$song" "$WORK/cover.jpg" "$name" \
            ${words[@]+"${words[@]}"}
    done | awk -v name="$name" \
        -v cover="$(retag_cover_bytes "$name" "$COVER_BYTES")" '
        { size += $1; text += 100 * $2 / $1
          both += 100 * ($3 - cover) / $1; again += 100 * $4 / $1 }
        END { printf "%-15s %10.0f %10.3f %10.3f %10.3f\n", name, size / NR,
            text / NR, both / NR, again / NR }'
done <<<"$RETAG_KINDS"
