#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: where two HTTP parsers could disagree about a request, this
# one refuses it and closes, so that no request hides in another one's body;
# and whoever sends a byte now and then is let go.

source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/api.sh"

# Writing to a connection that the service closed is what this is about.
trap '' PIPE
service_start
new_subscriber raw@example.org
HOST=${URL#http://}
HOST=${HOST%:*}
PORT=${URL##*:}
ANSWER=$WORK/answer
# What must not be served behind a refused request: it would answer with 200.
HIDDEN='GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

# Sends printf's idea of TEXT as it is and reads until the service closes.
# Bash cannot hold a NUL, printf can send one.
raw() { # TEXT
    exec 3<>"/dev/tcp/$HOST/$PORT"
    # The format is the text on purpose. It may close before all is sent.
    # shellcheck disable=SC2059
    printf "$1" >&3 2>/dev/null || true
    timeout 10 cat <&3 >"$ANSWER" 2>/dev/null || true
    exec 3<&- 3>&-
}

count_ok() { # -> how many answers were 200; bodies end without a newline
    grep -aoF 'HTTP/1.1 200' "$ANSWER" | wc -l
}

status_line() {
    head -n 1 "$ANSWER" | tr -d '\r' | cut -d' ' -f2
}

# Refused with one of the statuses, and nothing behind it is served.
refused() { # WHAT STATUS-REGEX TEXT
    raw "$3$HIDDEN"
    if ! [[ $(status_line) =~ ^($2)$ ]]; then
        problem "$1: expected $2, got '$(head -c 200 "$ANSWER" | tr -d '\0')'"
    elif [ "$(count_ok)" != 0 ]; then
        problem "$1: the hidden request was served"
    fi
}

# Both it and what follows are served.
served() { # WHAT TEXT
    raw "$2$HIDDEN"
    [ "$(count_ok)" = 2 ] ||
        problem "$1: expected two answers, got '$(head -c 300 "$ANSWER")'"
}

# --- slow clients, measured beside the rest ----------------------------------------

# Sends FIRST, then a byte a second, until the service closes; the seconds that
# it took go to FILE.
drip() { # FIRST FILE
    local start=$SECONDS code
    exec 4<>"/dev/tcp/$HOST/$PORT"
    # shellcheck disable=SC2059
    printf "$1" >&4
    while [ $((SECONDS - start)) -lt 90 ]; do
        printf 'a' >&4 2>/dev/null || break
        code=0
        read -r -t 1 -u 4 _ || code=$?
        # above 128: nothing came within the second
        [ "$code" = 0 ] || [ "$code" -gt 128 ] || break
    done 2>/dev/null
    echo $((SECONDS - start)) >"$2"
}

drip 'GET /hea' "$WORK/drip.line" &
drips=($!)
drip 'GET /healthz HTTP/1.1\r\nHost: x\r\nX-Drip: ' "$WORK/drip.head" &
drips+=($!)
drip "POST /v1/uploads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $TOKEN\r\nContent-Length: 1000000\r\n\r\n" \
    "$WORK/drip.body" &
drips+=($!)

# --- framing ---------------------------------------------------------------------

step "what is well formed is served"
served "two requests at once" 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
served "an empty line before" '\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
served "blanks around a value" 'GET /healthz HTTP/1.1\r\nHost:x\r\nA: \t b \r\nB:\r\n\r\n'
served "a query" 'GET /healthz?a=b&c=%%41&d HTTP/1.1\r\nHost: x\r\n\r\n'
served "no content" 'GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'

step "lengths that two parsers read differently"
POST='POST /v1/oauth/token HTTP/1.1\r\nHost: x\r\n'
refused "Content-Length and chunked" 400 \
    "${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
refused "chunked and Content-Length" 400 \
    "${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"
refused "two different Content-Length" 400 \
    "${POST}Content-Length: 4\r\nContent-Length: 0\r\n\r\nabcd"
refused "the same Content-Length twice" 400 \
    "${POST}Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"
refused "a list as Content-Length" 400 "${POST}Content-Length: 4, 4\r\n\r\nabcd"
refused "a blank before the colon" 400 "${POST}Content-Length : 4\r\n\r\nabcd"
refused "a tab before the colon" 400 "${POST}Content-Length\t: 4\r\n\r\nabcd"
refused "Content-Length -1" 400 "${POST}Content-Length: -1\r\n\r\n"
refused "Content-Length +4" 400 "${POST}Content-Length: +4\r\n\r\nabcd"
refused "Content-Length 0x4" 400 "${POST}Content-Length: 0x4\r\n\r\nabcd"
refused "Content-Length 2^63" '400|413' \
    "${POST}Content-Length: 9223372036854775808\r\n\r\n"
refused "Content-Length 2^64 + 4" '400|413' \
    "${POST}Content-Length: 18446744073709551620\r\n\r\nabcd"
refused "another transfer coding" 501 \
    "${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
refused "identity" 501 "${POST}Transfer-Encoding: identity\r\n\r\n"
refused "almost chunked" 501 "${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
refused "chunked twice" 400 \
    "${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
refused "chunked in HTTP/1.0" 400 \
    'POST /v1/oauth/token HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
refused "a chunk of 2^68 bytes" '400|413' \
    "${POST}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabcd"
refused "a chunk size that is none" 400 \
    "${POST}Transfer-Encoding: chunked\r\n\r\nxyz\r\nabcd\r\n0\r\n\r\n"
refused "a chunk longer than it says" 400 \
    "${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nabcd\r\n0\r\n\r\n"
refused "GET with a request as its body" 400 \
    "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: $((${#HIDDEN} - 8))\r\n\r\n"

step "lines that two parsers end differently"
refused "bare LF everywhere" 400 'GET /healthz HTTP/1.1\nHost: x\n\n'
refused "bare LF after the first line" 400 \
    'GET /healthz HTTP/1.1\nHost: x\r\n\r\n'
refused "bare LF within the head" 400 \
    'GET /healthz HTTP/1.1\r\nHost: x\nA: b\r\n\r\n'
refused "bare LF at the end" 400 'GET /healthz HTTP/1.1\r\nHost: x\r\n\n'
refused "bare CR in a value" 400 \
    'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\rContent-Length: 4\r\n\r\n'
refused "a folded line" 400 \
    'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n'
refused "a folded Transfer-Encoding" '400|501' \
    "${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"
refused "a line without colon" 400 'GET /healthz HTTP/1.1\r\nHost: x\r\nA\r\n\r\n'
refused "a header before the first" 400 \
    'GET /healthz HTTP/1.1\r\n A: b\r\nHost: x\r\n\r\n'

step "bytes that cut a text short"
refused "NUL in a value" 400 \
    'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n'
refused "NUL in a name" 400 \
    'GET /healthz HTTP/1.1\r\nHost: x\r\nA\0: b\r\n\r\n'
refused "NUL in the path" 400 'GET /healthz\0/x HTTP/1.1\r\nHost: x\r\n\r\n'
refused "NUL and a false version" 400 \
    'GET /healthz\0HTTP/1.1 HTTP/1.1\r\nHost: x\r\n\r\n'
refused "NUL in the query" 400 'GET /healthz?a\0b HTTP/1.1\r\nHost: x\r\n\r\n'
refused "a control character in a value" 400 \
    'GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\001\r\n\r\n'
refused "a control character in the method" 400 \
    'G\001T /healthz HTTP/1.1\r\nHost: x\r\n\r\n'

step "request lines"
refused "two blanks" 400 'GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
refused "a blank in the path" 400 'GET /heal thz HTTP/1.1\r\nHost: x\r\n\r\n'
refused "a blank at the end" 400 'GET /healthz HTTP/1.1 \r\nHost: x\r\n\r\n'
refused "no version" 400 'GET /healthz\r\n\r\n'
refused "HTTP/2.0" 505 'GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n'
refused "lower case" 400 'GET /healthz http/1.1\r\nHost: x\r\n\r\n'
refused "a proxy's form" 400 \
    'GET http://other/healthz HTTP/1.1\r\nHost: x\r\n\r\n'

step "headers that count once"
refused "no Host" 400 'GET /healthz HTTP/1.1\r\n\r\n'
refused "two Host" 400 'GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n'
refused "two Authorization" 400 \
    "GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $TOKEN\r\nAuthorization: Bearer x\r\n\r\n"
refused "two Range" 400 \
    'GET /healthz HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nRange: bytes=0-2\r\n\r\n'
refused "an unknown expectation" 417 \
    'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n'

step "paths that decode to others"
for path in /healthz%00 /v1/..%2f..%2fhealthz /v1/../healthz /v1/%2e%2e/healthz \
    '/v1\\..\\healthz' /./healthz /healthz%2f..; do
    refused "$path" 400 \
        "GET ${path//%/%%} HTTP/1.1\r\nHost: x\r\n\r\n"
done

step "heads without end"
long=$(head -c 40000 /dev/zero | tr '\0' a)
refused "a header of 40 KB" '400|431' \
    "GET /healthz HTTP/1.1\r\nHost: x\r\nA: $long\r\n\r\n"
refused "a header of 200 KB" 431 \
    "GET /healthz HTTP/1.1\r\nHost: x\r\nA: $long$long$long$long$long\r\n\r\n"
refused "a target of 200 KB" '400|414|431' \
    "GET /$long$long$long$long$long HTTP/1.1\r\nHost: x\r\n\r\n"
refused "500 headers" 431 \
    "GET /healthz HTTP/1.1\r\nHost: x\r\n$(printf 'A: b\\r\\n%.0s' {1..500})\r\n"

# --- the slow ones -------------------------------------------------------------------

step "who drips is let go, and nobody else notices"
expect_alive "the requests above"
for pid in "${drips[@]}"; do
    wait "$pid"
done
# 15, 10 and 30 s (api/guard.h), each looked at once a second.
expect_between "seconds that a dripping request line was borne" 10 25 \
    "$(cat "$WORK/drip.line")"
expect_between "seconds that a dripping head was borne" 8 20 \
    "$(cat "$WORK/drip.head")"
expect_between "seconds that a dripping body was borne" 25 45 \
    "$(cat "$WORK/drip.body")"
expect_alive "slow clients"
[ -z "$(find "$DATA/spool" -name '*.part')" ] ||
    problem "a body that was cut off is still in the spool"
[ "$PROBLEMS" = 0 ] || die "$PROBLEMS cases failed"
service_stop
