#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: the demo, the first thing that a newcomer runs, works.

source "$(dirname "$0")/../support/lib.sh"

step "fixtures/demo"
"$REFRAIN_SOURCE/fixtures/demo" </dev/null >"$WORK/demo.out" 2>"$WORK/demo.err" ||
    die "ended with $?: $(tail -n 30 "$WORK/demo.out" "$WORK/demo.err")"
tail -n 30 "$WORK/demo.out"
for word in matched uploaded other_edition duplicate not_audio; do
    grep -q "$word" "$WORK/demo.out" || die "the demo shows no '$word'"
done
