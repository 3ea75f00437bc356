#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: what refraind says about its settings is what it does:
# --help, --print-config and the table in README.md come from one table, what
# it prints it reads again, and wrong usage is exit code 2 with a sentence.

source "$(dirname "$0")/../support/lib.sh"
REFRAIND=$REFRAIN_BIN/refraind

step "--print-config writes every setting, and reads it again"
expect_exit 0 "$REFRAIND" --print-config
cp "$WORK/out" "$WORK/printed.conf"
expect_exit 0 "$REFRAIND" --config "$WORK/printed.conf" --print-config
expect_same_bytes "printed and read again" "$WORK/printed.conf" "$WORK/out"
mapfile -t NAMES < <(sed -nE 's/^;?([a-z_]+) = .*/\1/p' "$WORK/printed.conf")
[ "${#NAMES[@]}" -ge 10 ] || die "only ${#NAMES[@]} settings: ${NAMES[*]}"

step "each setting is an option of the command line, told by --help"
expect_exit 0 "$REFRAIND" --help
cp "$WORK/out" "$WORK/help"
for name in "${NAMES[@]}"; do
    grep -q -- "--${name//_/-}=" "$WORK/help" || problem "--help without $name"
    value=$(sed -nE "s/^$name = //p" "$WORK/printed.conf")
    expect_exit 0 "$REFRAIND" "--${name//_/-}" "${value:-x}" --print-config
    grep -qxF "$name = ${value:-x}" "$WORK/out" ||
        problem "--${name//_/-} ${value:-x} is not taken"
done

step "other settings from file and command line"
cat >"$WORK/own.conf" <<'EOT'
; a comment
signup = closed
quota_bytes = 1536M
trial_days = 0
EOT
expect_exit 0 "$REFRAIND" --config "$WORK/own.conf" --trial-days=9 --print-config
for line in 'signup = closed' 'quota_bytes = 1536M' 'trial_days = 9'; do
    grep -qxF "$line" "$WORK/out" || problem "no '$line' in $(cat "$WORK/out")"
done

step "the table in README.md"
"$REFRAIND" --print-config=markdown >"$WORK/table"
sed '1,/<!-- options -->/d; /<!-- \/options -->/,$d' \
    "$REFRAIN_SOURCE/README.md" | sed '/^$/d' >"$WORK/readme"
diff "$WORK/readme" "$WORK/table" >&2 ||
    problem "put the output of refraind --print-config=markdown between" \
        "<!-- options --> and <!-- /options --> of README.md"

step "wrong usage: exit code 2 and a sentence"
wrong() { # ARGUMENT…
    expect_exit 2 "$REFRAIND" "$@"
    [ -s "$WORK/err" ] || problem "'$*' says nothing"
}
printf 'nonsense = 1\n' >"$WORK/wrong.conf"
wrong
wrong --data
wrong --no-such-option
wrong --data "$WORK/d" stray
wrong --data "$WORK/d" --trial-days=many
wrong --data "$WORK/d" --listen nowhere
wrong --data "$WORK/d" --config "$WORK/wrong.conf"
wrong --config "$WORK/missing.conf" --data "$WORK/d"
wrong --print-config=xml
expect_exit 0 "$REFRAIND" --version
expect_match "version" '^refraind [0-9]+\.[0-9]+\.[0-9]+$' "$(cat "$WORK/out")"
[ "$PROBLEMS" = 0 ] || die "$PROBLEMS cases failed"
