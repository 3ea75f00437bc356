#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: the subscriber's program. Sign in, scan a folder twice, look,
# ask why, get the songs back, sign out; with --json one object a line, and a
# refusal is one sentence and exit code 1.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

export HOME=$WORK/home XDG_CONFIG_HOME=$WORK/home/config \
    XDG_STATE_HOME=$WORK/home/state
mkdir "$HOME"
refrain() {
    "$REFRAIN_BIN/refrain" --url "$URL" "$@"
}

service_start
make_release "$WORK/release" 1 2
load_catalog "$WORK/release"
sign_up listener@example.org

step "not signed in: a sentence and exit code 1"
for command in ls devices "why trk_1" "get trk_1" "scan $WORK/release"; do
    # shellcheck disable=SC2086
    expect_exit 1 refrain $command
    expect_equal "lines of the message of $command" 1 "$(wc -l <"$WORK/err")"
done

step "login"
echo "wrong password" >"$WORK/wrong"
STDIN=$WORK/wrong expect_exit 1 refrain login listener@example.org --password-stdin
printf '%s\n' "$PASSWORD" | refrain login listener@example.org \
    --password-stdin --device desk >/dev/null || die "login failed"
# Tokens are their owner's alone.
expect_equal "files that others may read" "" \
    "$(find "$HOME" -type f -perm /077 -exec grep -l rf_ {} +)"

step "scan tells what becomes of each file"
mkdir -p "$WORK/ripped/album"
cp "$(clip_mp3 1 128)" "$WORK/ripped/album/one.mp3"
cp "$(clip_aac 2 96)" "$WORK/ripped/album/two.m4a"
cp "$(clip_short 201)" "$WORK/ripped/own.flac"
cp "$(clip_short 201)" "$WORK/ripped/own again.flac"
echo "no music" >"$WORK/ripped/text.mp3"
touch "$WORK/ripped/cover.jpg"
expect_exit 0 refrain scan --json "$WORK/ripped"
cp "$WORK/out" "$WORK/scan"
outcome_of() { # FILE
    jq -rs --arg f "$1" '[.[] | select((.path // .file) | endswith($f))][0] |
        "\(.status) \(.reason)"' "$WORK/scan"
}
expect_equal one.mp3 "matched matched" "$(outcome_of one.mp3)"
expect_equal two.m4a "matched matched" "$(outcome_of two.m4a)"
# One of the two equal files is the first, whichever.
expect_match "own.flac and its copy" \
    '^duplicate [a-z_]+ uploaded no_candidate $' "$(printf '%s\n' \
        "$(outcome_of own.flac)" "$(outcome_of 'own again.flac')" |
        sort | tr '\n' ' ')"
expect_equal text.mp3 "ineligible not_audio" "$(outcome_of text.mp3)"

step "scanned again, nothing is added"
expect_exit 0 refrain scan "$WORK/ripped"
refrain ls --json >"$WORK/ls"
expect_equal "tracks" 3 "$(wc -l <"$WORK/ls")"
expect_equal "statuses" "matched matched uploaded" \
    "$(jq -rs '[.[].status] | sort | join(" ")' "$WORK/ls")"
refrain ls >"$WORK/ls.text"
grep -q 'my rip of 1' "$WORK/ls.text" || die "ls: $(cat "$WORK/ls.text")"

step "get and why"
OWN=$(jq -rs '.[] | select(.status == "uploaded") | .id' "$WORK/ls")
ONE=$(jq -rs '.[] | select(.title == "my rip of 1") | .id' "$WORK/ls")
expect_exit 0 refrain get "$OWN" -o "$WORK/own"
expect_same_bytes "own song" "$(clip_short 201)" "$WORK/own"
expect_exit 0 refrain get "$ONE" -o "$WORK/one"
expect_same_bytes "matched song" "$(clip_master 1)" "$WORK/one"
refrain why "$ONE" >"$WORK/why"
grep -q "$(master_title 1)" "$WORK/why" || die "why: $(cat "$WORK/why")"
expect_exit 1 refrain get trk_0000000000000000 -o "$WORK/none"
[ ! -e "$WORK/none" ] || die "a failed get left a file"
expect_exit 1 refrain get "$OWN" -o "$WORK/nowhere/own"
expect_exit 1 refrain scan "$WORK/nowhere"

step "devices and logout"
expect_equal "devices" desk "$(refrain devices --json | jq -r .name)"
expect_exit 0 refrain logout
expect_exit 1 refrain ls
sign_in listener@example.org
api GET /v1/devices
expect_json '[.devices[] | select(.name == "desk")] | length' 0
service_stop
