#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: real music, too. Songs of Debian's packages are the
# catalog; rips of them in three formats are matched with their own recordings
# and with no other, a song that was left out of the catalog is kept.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

step "music from Debian"
"$REFRAIN_SOURCE/fixtures/corpus" fretsonfire-songs-sectoid asc-music \
    >"$WORK/folders" || {
    [ -n "${CI:-}" ] && die "no music could be had"
    skip_story "no music could be had from Debian"
}
# The shortest four, and of each the first 100 s as they are (no new encoding):
# the time of this story is that of making rips.
mapfile -t SONGS < <(tr '\n' '\0' <"$WORK/folders" |
    xargs -0 -I{} find {} -type f -name '*.ogg' -size +1200k -printf '%s %p\n' |
    sort -n | cut -d' ' -f2- | sed -n 1,4p)
[ "${#SONGS[@]}" -ge 4 ] || die "only ${#SONGS[@]} songs: $(cat "$WORK/folders")"
mkdir -p "$WORK/catalog/Debian"
for ((i = 0; i < 4; i++)); do
    "${FFMPEG[@]}" -i "${SONGS[i]}" -t 100 -vn -c copy "$WORK/$i.ogg"
done
mv "$WORK"/[012].ogg "$WORK/catalog/Debian"
service_start
load_catalog "$WORK/catalog/Debian"
new_subscriber real@example.org

master_sha256() { # NUMBER
    sha256sum <"$WORK/catalog/Debian/$1.ogg" | cut -d' ' -f1
}

check_match() { # NUMBER ENDING ENCODER-ARGUMENT…
    local rip=$WORK/rip-$1.$2 number=$1
    shift 2
    step "song $number by $*"
    "${FFMPEG[@]}" -i "$WORK/catalog/Debian/$number.ogg" -map_metadata -1 \
        -metadata title="mine" -vn "$@" "$rip"
    upload_expect "$rip" matched matched
    fetch_audio "$TRACK_ID" "$WORK/back"
    expect_equal "master" "$(master_sha256 "$number")" \
        "$(sha256sum <"$WORK/back" | cut -d' ' -f1)"
    api GET "/v1/tracks/$TRACK_ID/why"
    expect_status 200
}
check_match 0 mp3 -c:a libmp3lame -b:a 128k
check_match 1 m4a -c:a aac -b:a 96k
check_match 2 ogg -c:a libvorbis -q:a 3

step "a song that the catalog has not"
"${FFMPEG[@]}" -i "$WORK/3.ogg" -vn -c:a libmp3lame -b:a 128k "$WORK/unknown.mp3"
upload_expect "$WORK/unknown.mp3" uploaded no_candidate
fetch_audio "$TRACK_ID" "$WORK/back"
expect_same_bytes "a song that nobody has" "$WORK/unknown.mp3" "$WORK/back"

step "20 s out of the middle of a real song"
"${FFMPEG[@]}" -i "$WORK/catalog/Debian/0.ogg" -vn -map_metadata -1 -af \
    "aselect='not(between(t,60,80))',asetpts=N/SR/TB" \
    -c:a libmp3lame -b:a 192k "$WORK/cut.mp3"
upload_expect "$WORK/cut.mp3" uploaded other_edition
expect_json '.match.differences | any(.start_ms < 64000 and .end_ms > 56000)' true
service_stop
