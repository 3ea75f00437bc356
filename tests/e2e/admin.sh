#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: the operator's side. Every route answers exactly those whom
# its role allows; loading a catalog is repeatable, can be tried first, and one
# broken file stops nothing; what the operator did stands in the audit log; the
# programs keep to their exit codes.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/audio.sh"
source "$(dirname "$0")/../support/api.sh"

service_start
new_subscriber somebody@example.org
SUBSCRIBER=$TOKEN
OPERATOR=$(operator_token)

# --- who may call what -----------------------------------------------------------

step "the routes are those that openapi.json tells"
TOKEN=
api GET /openapi.json
expect_status 200
expect_json '.openapi | startswith("3.")' true
jq -r '.paths | to_entries[] | .key as $path | .value | keys[] |
    select(. as $m | ["get","post","put","patch","delete"] | index($m)) |
    ascii_upcase + " " + $path' "$BODY" >"$WORK/routes"
while read -r route; do
    grep -qxF "$route" "$WORK/routes" || problem "openapi.json lacks $route"
done <<'EOT'
POST /v1/accounts
POST /v1/oauth/token
POST /v1/uploads
GET /v1/uploads/{id}
GET /v1/library
GET /v1/library/changes
DELETE /v1/tracks/{id}
POST /v1/tracks/{id}/restore
GET /v1/tracks/{id}/audio
GET /v1/tracks/{id}/why
GET /v1/devices
DELETE /v1/devices/{id}
GET /v1/me
POST /v1/admin/releases
GET /v1/admin/releases
GET /v1/admin/audit
POST /v1/admin/vault/gc
POST /v1/admin/vault/check
GET /v1/admin/vault/runs/{id}
GET /v1/admin/vault/stats
POST /v1/admin/accounts
POST /v1/admin/accounts/grant
GET /healthz
GET /readyz
GET /metrics
GET /openapi.json
EOT

# What a route says to somebody with a token, reduced to what matters here.
said_to() { # METHOD PATH TOKEN
    TOKEN=$3 api "$1" "$2"
    case $STATUS in
    401 | 403) echo refused ;;
    5*) echo "broken: $STATUS" ;;
    *) echo heard ;;
    esac
}

step "every route x nobody, subscriber, operator"
while read -r method path; do
    case $path in
    /v1/admin/*) wanted="refused refused heard" ;;
    /v1/accounts | /v1/oauth/* | /healthz | /readyz | /metrics | /openapi.json)
        wanted="heard heard heard"
        ;;
    *) wanted="refused heard refused" ;;
    esac
    real=$(sed -E 's/\{[^}]*\}/abc_0000000000000000/g' <<<"$path")
    got="$(said_to "$method" "$real" '') $(said_to "$method" "$real" \
        "$SUBSCRIBER") $(said_to "$method" "$real" "$OPERATOR")"
    [ "$got" = "$wanted" ] ||
        problem "$method $path: expected '$wanted', got '$got'"
done <"$WORK/routes"
for token in "${OPERATOR}x" "${OPERATOR:0:-1}" "${OPERATOR^^}x" x; do
    TOKEN=$token api GET /v1/admin/releases
    check_problem "a wrong operator token" 401 '[a-z_]+'
done

# --- the catalog ---------------------------------------------------------------------

step "a dry run tells and changes nothing"
RELEASE="$WORK/catalog/Generated Evenings"
make_release "$RELEASE" 1 2
cp "$(clip_png)" "$RELEASE/cover.png"
echo "no music" >"$RELEASE/03 broken.flac"
echo "thanks to all" >"$RELEASE/notes.txt"
catalog_size() {
    admin catalog ls --json >"$WORK/ls" || die "catalog ls failed"
    wc -l <"$WORK/ls"
}
# One line a release. A broken file is told of, but the rest is loaded: no failure.
load_json() { # EXIT-CODE ARGUMENT…
    local wanted=$1
    shift
    expect_exit "$wanted" "$REFRAIN_BIN/refrain-admin" --url "$URL" \
        --token-file "$DATA/operator.token" catalog load --json "$@"
    cp "$WORK/out" "$WORK/load"
}
load_value() { # FILTER
    jq -rs "$1" "$WORK/load"
}
load_json 0 --dry-run "$RELEASE"
expect_equal "dry run's view of the files" 2 \
    "$(load_value '[.[].files[] | select(.status == "added")] | length')"
expect_equal "releases after a dry run" 0 "$(catalog_size)"
expect_equal "masters after a dry run" "" "$(find "$DATA/masters" -type f)"

step "a broken file is named and stops nothing"
load_json 0 "$RELEASE"
expect_equal "status of the release" added "$(load_value '.[0].status')"
expect_equal "broken files" "03 broken.flac not_audio" "$(load_value \
    '[.[].files[] | select(.status == "failed") | .name + " " + .reason] | join(",")')"
expect_equal "loaded files" "01.flac 02.flac" "$(load_value \
    '[.[].files[] | select(.status == "added") | .name] | join(" ")')"
expect_equal "cover" "cover.png" "$(load_value \
    '[.[].files[] | select(.status == "cover") | .name] | join(" ")')"
expect_equal "skipped" "notes.txt" "$(load_value \
    '[.[].files[] | select(.status == "skipped") | .name] | join(" ")')"
expect_exit 0 admin catalog load "$RELEASE"
grep -q '03 broken.flac' "$WORK/out" "$WORK/err" ||
    die "the broken file is not named to a person"
rm "$RELEASE/03 broken.flac"

step "loading again changes nothing"
tree() {
    (cd "$DATA/masters" && find . -type f -exec sha256sum {} + | sort -k2)
}
tree >"$WORK/masters.before"
admin catalog ls --json >"$WORK/ls.before"
load_json 0 "$RELEASE"
expect_equal "status of the second load" unchanged "$(load_value '.[0].status')"
expect_equal "files of the second load" unchanged "$(load_value \
    '[.[].files[] | select(.name | endswith(".flac")) | .status] | unique | join(" ")')"
tree >"$WORK/masters.after"
admin catalog ls --json >"$WORK/ls.after"
expect_same_bytes "masters" "$WORK/masters.before" "$WORK/masters.after"
expect_same_bytes "releases" "$WORK/ls.before" "$WORK/ls.after"

step "a second release, a folder of releases, a missing folder"
make_release "$WORK/catalog/Second" 3
load_json 0 "$WORK/catalog"
expect_equal "releases loaded from one folder" "added unchanged" \
    "$(load_value '[.[].status] | sort | join(" ")')"
expect_equal "releases now" 2 "$(catalog_size)"
expect_exit 1 admin catalog load "$WORK/nowhere"
[ -s "$WORK/err" ] || die "no message for a missing folder"
mkdir "$WORK/hollow"
echo words >"$WORK/hollow/words.txt"
expect_exit 1 admin catalog load "$WORK/hollow"

step "ls and show"
admin catalog ls >"$WORK/ls.text"
grep -q "$MASTER_ALBUM" "$WORK/ls.text" || die "ls lists no $MASTER_ALBUM"
RELEASE_ID=$(jq -rs '.[0].release_id' "$WORK/ls.before")
admin catalog show "$RELEASE_ID" --json >"$WORK/show" || die "show failed"
expect_equal "tracks of the release" "$(master_isrc 1) $(master_isrc 2)" \
    "$(jq -r '[.. | objects | .isrc? // empty] | unique | join(" ")' "$WORK/show")"
RECORDING_ID=$(jq -r '[.. | objects | .recording_id? // empty][0]' "$WORK/show")
admin catalog show "$RECORDING_ID" >"$WORK/show.text" || die "show failed"
grep -q "$MASTER_ARTIST" "$WORK/show.text" || die "show names no artist"
expect_exit 1 admin catalog show rec_00000000000000000000000000000000

step "takedown: matched no more, played on, brought back by a load"
SECOND_ID=$(admin catalog ls --json | jq -rs --arg first "$RELEASE_ID" \
    'map(select(.release_id != $first))[0].release_id')
SECOND_RECORDING=$(admin catalog show "$SECOND_ID" --json |
    jq -r '.tracks[0].recording_id')
admin catalog takedown "$SECOND_ID" --json >"$WORK/down" || die "takedown failed"
expect_equal "taken down" "1 0" "$(jq -r '"\(.recordings) \(.kept)"' "$WORK/down")"
expect_equal "releases now" 1 "$(catalog_size)"
expect_exit 1 admin catalog takedown "$SECOND_ID"
expect_exit 1 admin catalog show "$SECOND_ID"
admin catalog show "$SECOND_RECORDING" >/dev/null ||
    problem "the record of a recording went with its release"
expect_exit 1 admin catalog takedown rec_00000000000000000000000000000000
expect_exit 1 admin catalog takedown ../../etc
load_json 0 "$WORK/catalog/Second"
expect_equal "brought back" added "$(load_value '.[0].status')"
expect_equal "releases now" 2 "$(catalog_size)"

step "releases that the service must refuse"
refuse_tar() { # WHAT FILE
    TOKEN=$OPERATOR api POST '/v1/admin/releases?folder=x' --data-binary "@$2"
    check_problem "$1" 400 '[a-z_]+'
}
echo "no archive" >"$WORK/x.tar"
refuse_tar "a tar that is none" "$WORK/x.tar"
: >"$WORK/x.tar"
refuse_tar "an empty body" "$WORK/x.tar"
(cd "$WORK/hollow" && tar -cPf "$WORK/x.tar" --transform 's|^|../../|' words.txt)
refuse_tar "a path out of the folder" "$WORK/x.tar"
(cd "$WORK/hollow" && tar -cPf "$WORK/x.tar" --transform "s|^|$WORK/escaped/|" words.txt)
refuse_tar "an absolute path" "$WORK/x.tar"
ln -s /etc/passwd "$WORK/hollow/01.flac"
tar -C "$WORK/hollow" -cf "$WORK/x.tar" 01.flac
refuse_tar "a symbolic link" "$WORK/x.tar"
[ ! -e "$WORK/escaped" ] || problem "an archive wrote where it should not"
expect_equal "releases now" 2 "$(catalog_size)"

# --- accounts and the audit log -----------------------------------------------------------

step "account add and grant"
echo "$PASSWORD" | admin account add added@example.org --password-stdin \
    >/dev/null || die "account add failed"
sign_in added@example.org
expect_status 200
TOKEN=
for arguments in "add added@example.org --password-stdin" \
    "add no-address --password-stdin" "grant nobody@example.org --until 2091-01-01" \
    "grant added@example.org --until someday"; do
    # The words of the case, split on purpose.
    # shellcheck disable=SC2086
    if echo "$PASSWORD" | admin account $arguments >"$WORK/out" 2>"$WORK/err"; then
        problem "account $arguments: should have failed"
    fi
    [ "$(wc -l <"$WORK/err")" = 1 ] ||
        problem "account $arguments: not one sentence: $(cat "$WORK/err")"
done

step "what was done stands in the audit log, refusals too"
admin audit --json >"$WORK/audit" || die "audit failed"
audited() { # WHAT FILTER
    jq -es "any(.[]; $2)" "$WORK/audit" >/dev/null ||
        problem "not in the audit log: $1: $(tail -n 3 "$WORK/audit")"
}
audited "the load" "(tostring | contains(\"$RELEASE_ID\"))"
audited "account add" '(tostring | test("/v1/admin/accounts\""))'
audited "account grant" '(tostring | contains("/v1/admin/accounts/grant"))'
audited "a failed call" '(tostring | test("404|409"))'
! grep -qF "$PASSWORD" "$WORK/audit" || problem "a password is in the audit log"

# --- exit codes of all programs --------------------------------------------------------------

step "exit codes: --help is 0, wrong usage 2"
for program in refraind refrain refrain-admin; do
    expect_exit 0 "$REFRAIN_BIN/$program" --help
    grep -qi usage "$WORK/out" || problem "$program --help shows no usage"
    expect_exit 2 "$REFRAIN_BIN/$program" --no-such-option
    expect_exit 2 "$REFRAIN_BIN/$program" </dev/null
done
for command in "refrain scan" "refrain ls" "refrain get" "refrain why" \
    "refrain devices" "refrain login" "refrain logout" "refrain-admin audit" \
    "refrain-admin catalog load" "refrain-admin catalog ls" \
    "refrain-admin catalog show" "refrain-admin catalog takedown" \
    "refrain-admin account add" \
    "refrain-admin account grant" "refrain-admin vault gc" \
    "refrain-admin vault check" "refrain-admin vault stats"; do
    # shellcheck disable=SC2086
    set -- $command
    expect_exit 0 "$REFRAIN_BIN/$1" "${@:2}" --help
done
expect_exit 2 "$REFRAIN_BIN/refrain-admin" nonsense
expect_exit 2 "$REFRAIN_BIN/refrain-admin" catalog load
expect_exit 2 "$REFRAIN_BIN/refrain" get
expect_exit 1 "$REFRAIN_BIN/refrain-admin" --url "$URL" \
    --token-file "$WORK/nowhere" catalog ls
expect_exit 1 "$REFRAIN_BIN/refrain-admin" --url http://127.0.0.1:1 \
    --token-file "$DATA/operator.token" catalog show rel_1
expect_equal "lines of the message" 1 "$(wc -l <"$WORK/err")"
service_stop
