#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: the vault's S3 store does what a store should on a server
# that checks signatures and hashes, also while that server is killed, while
# the network spoils what goes through, and while nobody vouches for it.
#
# s3.sh    REFRAIN_BIN as for all stories; the tests' programs lie beside it

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/../support/lib.sh"
source "$(dirname "$0")/../support/swift.sh"
PROGRAMS=${REFRAIN_BIN%/bin}/tests
export REFRAIN_S3_ENDPOINT REFRAIN_S3_REGION=$S3_REGION \
    REFRAIN_S3_BUCKET=songs REFRAIN_S3_ACCESS_KEY=$S3_KEY \
    REFRAIN_S3_SECRET_KEY=$S3_SECRET

# Its output is shown when it fails; skipped tests are what it says in words.
proves() { # PROGRAM [ARGUMENT]
    "$PROGRAMS/$1" "${@:2}" >"$WORK/proof" 2>&1 || {
        cat "$WORK/proof" >&2
        die "$* failed"
    }
}

meddle() { # MODE -> REFRAIN_S3_ENDPOINT leads through it
    local port
    /usr/bin/python3 "$REFRAIN_SOURCE/tests/support/meddle.py" "$SWIFT_PORT" \
        "$1" >"$WORK/$1.port" &
    undo "kill $!"
    wait_for 20 "the network" test -s "$WORK/$1.port"
    read -r port <"$WORK/$1.port"
    REFRAIN_S3_ENDPOINT=http://127.0.0.1:$port
}

step "an S3 server, and a bucket in it"
swift_start
expect_equal "PUT of the bucket" 200 "$(s3_curl PUT /songs)"
REFRAIN_S3_ENDPOINT=$S3_URL

step "what every store does"
proves test_store

step "signatures, buckets, hosts; a song in the vault, and spoilt"
proves test_store_swift well

step "the bucket has nothing but chunks under the hash of themselves"
expect_equal "GET of the listing" 200 "$(s3_curl GET '/songs?prefix=vault%2F')"
keys=$(grep -o '<Key>[^<]*' "$WORK/s3.out" | sed 's/<Key>//')
expect_between "objects of one song" 3 30 "$(wc -l <<<"$keys")"
while read -r key; do
    s3_curl GET "/songs/$key" >/dev/null
    hash=$(sha256sum <"$WORK/s3.out")
    expect_equal "the key of an object" "vault/${hash:0:2}/${hash%% *}" "$key"
done <<<"$keys"

step "a network that changes what is sent"
meddle alter
proves test_store_swift altered

step "a network that cuts what comes"
meddle cut
proves test_store_swift cut

step "kill -9 of what keeps the objects"
REFRAIN_S3_ENDPOINT=$S3_URL
swift_object_kill
proves test_store_swift dead

step "a put outlasts the restart"
export REFRAIN_S3_SEEN_DEAD=$WORK/seen_dead
proves test_store_swift returning &
returning=$!
wait_for 30 "the first refusals" test -e "$REFRAIN_S3_SEEN_DEAD"
swift_object_start
wait "$returning" || die "the put was given up"

step "a stranger's certificate"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost \
    -keyout "$WORK/key.pem" -out "$WORK/cert.pem" 2>"$WORK/openssl.log"
openssl s_server -accept "127.0.0.1:0" -key "$WORK/key.pem" \
    -cert "$WORK/cert.pem" -www >"$WORK/stranger" 2>&1 </dev/null &
undo "kill $!"
wait_for 20 "the stranger" grep -q '^ACCEPT' "$WORK/stranger"
REFRAIN_S3_ENDPOINT=https://localhost:$(sed -n 's/^ACCEPT.*://p' "$WORK/stranger")
REFRAIN_S3_CA_FILE=$WORK/cert.pem proves test_store_swift stranger
