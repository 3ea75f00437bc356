# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# Talks to the service as a client does: curl and jq, nothing of ours.
#
# After each call:  STATUS  HTTP status    BODY     file with the body
#                   HEADERS file with the response's header lines
# TOKEN, when set, is sent as the bearer token.

BODY=$WORK/body
HEADERS=$WORK/headers
STATUS=
TOKEN=
REFRESH=
DEVICE_ID=
PASSWORD="correct horse 4 battery"

# api METHOD PATH [curl argument…]. A path is sent as it stands.
api() {
    local method=$1 path=$2 arguments=()
    shift 2
    case $method in
    HEAD) arguments=(--head) ;;
    *) arguments=(-X "$method") ;;
    esac
    [ -z "$TOKEN" ] || arguments+=(-H "Authorization: Bearer $TOKEN")
    : >"$BODY"
    : >"$HEADERS"
    STATUS=$(curl -sS --path-as-is -m 90 -o "$BODY" -D "$HEADERS" \
        -w '%{http_code}' "${arguments[@]}" "$@" "$URL$path") ||
        die "no answer to $method $path"
}

# The same, but no answer is an answer: STATUS is then 000.
api_try() {
    : >"$BODY"
    : >"$HEADERS"
    STATUS=$(curl -s --path-as-is -m 90 -o "$BODY" -D "$HEADERS" \
        -w '%{http_code}' -X "$1" ${TOKEN:+-H "Authorization: Bearer $TOKEN"} \
        "${@:3}" "$URL$2") || true
}

api_json() { # METHOD PATH JSON
    api "$1" "$2" -H 'Content-Type: application/json' --data-binary "$3"
}

# Value of a header of the last answer. In bash alone: stories ask thousands of
# times, and a process costs more than the request.
header() { # NAME
    local line value=
    while IFS= read -r line; do
        if [[ ${line,,} == "${1,,}:"* ]]; then
            value=${line#*:}
        fi
    done <"$HEADERS"
    value=${value%$'\r'}
    value=${value#"${value%%[![:blank:]]*}"}
    printf '%s\n' "$value"
}

json() { # FILTER -> raw value from the last body
    jq -r "$1" "$BODY"
}

body_start() {
    head -c 1000 "$BODY" | tr -c '[:print:]\n' '?'
}

# --- assertions on the last answer --------------------------------------------

expect_status() { # CODE
    [ "$STATUS" = "$1" ] ||
        die "expected HTTP $1, got $STATUS: $(body_start)"
}

expect_json() { # FILTER EXPECTED
    local got
    got=$(jq -r "$1" "$BODY") || die "not JSON: $(body_start)"
    [ "$got" = "$2" ] || die "expected $1 = '$2', got '$got' in $(body_start)"
}

expect_header() { # NAME REGEX
    local got
    got=$(header "$1")
    [[ $got =~ $2 ]] || die "expected header $1 to match '$2', got '$got'"
}

# Why the last answer is no documented problem; empty when it is one. All six
# members of the contract must be there, of the right type, and agree with the
# status line and with X-Request-Id where that is sent.
problem_fault() { # STATUS CODE-REGEX
    local type request_id code id
    type=$(header content-type)
    request_id=$(header x-request-id)
    if [ "$STATUS" != "$1" ]; then
        echo "expected HTTP $1 ($2), got $STATUS: $(body_start)"
    elif [[ $type != application/problem+json* ]]; then
        echo "expected application/problem+json, got '$type'"
    elif ! read -r code id < <(jq -er --argjson status "$1" '
        select((.type | type == "string" and length > 0)
        and (.title | type == "string" and length > 0)
        and .status == $status
        and (.detail | type == "string" and length > 0)
        and (.code | type == "string" and test("^[a-z][a-z0-9_]*$"))
        and (.request_id | type == "string" and length > 0))
        | "\(.code) \(.request_id)"' "$BODY" 2>/dev/null); then
        echo "a member is missing or of the wrong type: $(body_start)"
    elif ! [[ $code =~ ^($2)$ ]]; then
        echo "expected code $2, got $code: $(body_start)"
    elif [ -n "$request_id" ] && [ "$request_id" != "$id" ]; then
        echo "request_id differs from X-Request-Id $request_id"
    fi
}

expect_problem() { # STATUS CODE-REGEX
    local fault
    fault=$(problem_fault "$1" "$2")
    [ -z "$fault" ] || die "$fault"
}

# For tables of cases: notes the fault and goes on.
check_problem() { # WHAT STATUS CODE-REGEX
    local fault
    fault=$(problem_fault "$2" "$3")
    [ -z "$fault" ] || problem "$1: $fault"
}

# --- accounts -------------------------------------------------------------------

sign_up() { # EMAIL
    TOKEN='' api_json POST /v1/accounts \
        "$(jq -nc --arg e "$1" --arg p "$PASSWORD" '{email:$e,password:$p}')"
    expect_status 201
}

# Answers of the token endpoint set TOKEN, REFRESH and DEVICE_ID on 200.
ask_token() { # FORM-FIELD…
    local field arguments=()
    for field; do
        arguments+=(--data-urlencode "$field")
    done
    TOKEN=''
    api POST /v1/oauth/token "${arguments[@]}"
    if [ "$STATUS" = 200 ]; then
        TOKEN=$(json .access_token)
        REFRESH=$(json .refresh_token)
        DEVICE_ID=$(json .device_id)
    fi
}

sign_in() { # EMAIL [DEVICE]
    ask_token grant_type=password "username=$1" "password=$PASSWORD" \
        "device_name=${2:-test device}"
    expect_status 200
}

new_subscriber() { # EMAIL
    sign_up "$1"
    sign_in "$1"
}

operator_token() {
    head -n 1 "$DATA/operator.token"
}

# --- the way of a song ------------------------------------------------------------

# Sends a file and waits for its outcome (BODY has it).
upload() { # FILE [NAME] [curl argument…]
    local name=${2:-$(basename "$1")}
    api POST "/v1/uploads?wait=60&filename=$(jq -rn --arg n "$name" '$n|@uri')" \
        -H 'Content-Type: application/octet-stream' --data-binary "@$1" \
        "${@:3}"
}

# The same for a file whose outcome is known beforehand. Sets UPLOAD_ID and
# TRACK_ID.
upload_expect() { # FILE STATUS REASON-REGEX
    upload "$1"
    [ "$STATUS" = 202 ] || [ "$STATUS" = 200 ] ||
        die "upload of $(basename "$1"): HTTP $STATUS: $(body_start)"
    [ "$(json .status)" = "$2" ] && [[ $(json .reason) =~ ^($3)$ ]] ||
        die "upload of $(basename "$1"): expected $2 ($3): $(body_start)"
    UPLOAD_ID=$(json .id)
    TRACK_ID=$(json '.track_id // ""')
}

# Polls an upload until it is no longer waiting.
await_upload() { # ID
    local until=$((SECONDS + 60))
    while :; do
        api GET "/v1/uploads/$1?wait=20"
        # 202 while it waits, 200 with its outcome.
        [ "$STATUS" = 202 ] || expect_status 200
        [ "$(json .status)" = waiting ] || return 0
        [ "$SECONDS" -lt "$until" ] || die "upload $1 waits for ever"
    done
}

fetch_audio() { # TRACK-ID OUT-FILE
    api GET "/v1/tracks/$1/audio"
    expect_status 200
    mv -- "$BODY" "$2"
}

# --- the programs --------------------------------------------------------------------

admin() {
    "$REFRAIN_BIN/refrain-admin" --url "$URL" \
        --token-file "$DATA/operator.token" "$@"
}

load_catalog() { # PATH…
    admin catalog load "$@" >"$WORK/load.out" 2>"$WORK/load.err" ||
        die "catalog load failed: $(cat "$WORK/load.out" "$WORK/load.err")"
}

# A release folder with the masters of the given seeds.
make_release() { # FOLDER SEED…
    local folder=$1 seed
    shift
    mkdir -p "$folder"
    for seed; do
        cp -- "$(clip_master "$seed")" "$folder/$(printf %02d "$seed").flac"
    done
}
