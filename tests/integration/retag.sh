#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: a song that another subscriber re-tagged, with Mutagen, costs
# at most 1 % of new bytes beside a new cover, in Ogg 2 %; and both files come
# back byte for byte, whole and in random ranges. Files of real encoders, in
# every container. Prints what each cost.
#
# retag.sh   REFRAIN_BIN  where the programs are; retag and compose in ../tests

set -euo pipefail
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/refrain-retag.XXXXXX")
trap 'rm -rf -- "$WORK"' EXIT
RETAG=$REFRAIN_BIN/../tests/retag
COVER_BYTES=204800
# shellcheck source=tests/support/retag.sh
. "$SOURCE/tests/support/retag.sh"

"$REFRAIN_BIN/../tests/compose" 3 100 >"$WORK/song.wav"
retag_cover "$WORK/cover.jpg" $COVER_BYTES
failed=0
while read -r name options; do
    [ -n "$name" ] || continue
    read -ra words <<<"$options"
    read -r size text cover again < <(retag_measure "$WORK/song.wav" \
        "$WORK/cover.jpg" "$name" ${words[@]+"${words[@]}"})
    beside=$((cover - $(retag_cover_bytes "$name" $COVER_BYTES)))
    case $name in
    *.ogg | *.opus | *.oga) most=2 ;;
    *) most=1 ;;
    esac
    awk -v name="$name" -v size="$size" -v text="$text" -v beside="$beside" \
        -v again="$again" -v most=$most 'BEGIN {
            a = 100 * text / size
            b = 100 * beside / size
            c = 100 * again / size
            printf "%-15s text %.2f %%, text and cover %.2f %%, " \
                "another title beside that cover %.2f %%\n", name, a, b, c
            exit !(text > 0 && beside > 0 && again > 0 &&
                a <= most && b <= most && c <= most) }' || {
        echo "$name: more than $most %, or nothing at all"
        failed=1
    }
done <<<"$RETAG_KINDS"
exit $failed
