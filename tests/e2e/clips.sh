#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: the music that the stories use is made, once, and is fit
# for them: Chromaprint tells the pieces apart as different recordings, hears a
# rip as its master, and every clip comes out the same when made again.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"

# Share of differing bits of two fingerprints laid on each other, in percent:
# about 50 for strangers (coin flips), under 15 for the same recording.
items_of() { # FILE
    # fpcalc ends with 3 when it met the end of the file: its output is good.
    (fpcalc -raw -length 0 "$1" 2>/dev/null || true) |
        sed -n 's/^FINGERPRINT=//p' | tr ',' ' '
}

declare -a BITS=()
for ((i = 0; i < 65536; i++)); do
    BITS[i]=$(((i & 1) + (i >> 1 ? BITS[i >> 1] : 0)))
done

different_percent() { # ITEMS ITEMS
    local -a a b
    local i count=0 differing=0 x
    read -ra a <<<"$1"
    read -ra b <<<"$2"
    for ((i = 0; i < ${#a[@]} && i < ${#b[@]}; i += 6)); do
        x=$((a[i] ^ b[i]))
        differing=$((differing + BITS[x & 65535] + BITS[(x >> 16) & 65535]))
        count=$((count + 32))
    done
    [ "$count" -gt 0 ] || die "no fingerprint"
    echo $((differing * 100 / count))
}

step "make the clips"
{
    clip_long_silence
    clip_png
    for seed in {201..220}; do
        clip_short "$seed"
    done
} >"$WORK/made" &
others=$!
declare -A ITEMS=()
for seed in 1 2 3 4 5 6; do
    ITEMS[$seed]=$(items_of "$(clip_master $seed)")
done
{
    clip_mp3 1 128
    clip_aac 2 96
    clip_cut 3 30 20
} >>"$WORK/made"
wait "$others"

step "different pieces are different recordings"
for one in 1 2 3 4 5 6; do
    for ((other = one + 1; other <= 6; other++)); do
        expect_between "bits in which $one and $other differ, %" 38 62 \
            "$(different_percent "${ITEMS[$one]}" "${ITEMS[$other]}")"
    done
done
expect_between "bits in which two short ones differ, %" 33 67 \
    "$(different_percent "$(items_of "$(clip_short 201)")" \
        "$(items_of "$(clip_short 202)")")"

step "a rip is its master"
# Encoders put their delay in front, so the items need not lie exactly on
# each other; still far from a stranger's.
expect_between "MP3 128 from its master, %" 0 30 \
    "$(different_percent "${ITEMS[1]}" "$(items_of "$(clip_mp3 1 128)")")"
expect_between "AAC 96 from its master, %" 0 30 \
    "$(different_percent "${ITEMS[2]}" "$(items_of "$(clip_aac 2 96)")")"

step "made again, a clip is the same"
first=$(clip_master 1)
(
    REFRAIN_CLIPS=$WORK/again
    expect_same_bytes "master 1" "$first" "$(clip_master 1)"
)
