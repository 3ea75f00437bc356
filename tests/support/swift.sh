# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# An S3 server for stories: OpenStack Swift with its s3api, as Debian has it.
# It checks signatures, hashes of bodies and dates, which small stand-ins for
# S3 do not (tried: s3rver and moto accept any signature). One replica on one
# disk, on free loopback ports, in a private folder. Nothing of the system's
# Swift is read or changed.
#
# Source lib.sh first. What a story then has, after swift_start:
#   S3_URL          http://127.0.0.1:PORT; buckets as hosts: BUCKET.s3.localhost
#   S3_KEY S3_SECRET S3_REGION
#   SWIFT           its folder; objects lie under $SWIFT/disk/d1/objects

S3_KEY=test:tester
S3_SECRET=testing
S3_REGION=us-east-1
S3_URL=
SWIFT=
SWIFT_PORT=
declare -A SWIFT_PIDS=() # by kind of server

# Swift runs as whoever calls this, root too.
swift_usable() {
    local probe=$WORK/xattr
    { command -v swift-proxy-server && command -v memcached; } >/dev/null ||
        skip_story "Swift is not installed: fixtures/bootstrap test"
    : >"$probe"
    /usr/bin/python3 -c 'import os, sys
os.setxattr(sys.argv[1], "user.refrain", b"x" * 200)' "$probe" 2>/dev/null ||
        skip_story "$WORK cannot have user xattrs: set TMPDIR to ext4 or xfs"
    rm -- "$probe"
}

# Five free ports in a row below those that the kernel hands out by itself.
swift_find_port() {
    local first port tries
    for tries in {1..100}; do
        first=$((10000 + (RANDOM % 4000) * 5))
        for port in {0..4}; do
            ! grep -qi ":$(printf %04X $((first + port))) " \
                /proc/net/tcp /proc/net/tcp6 || continue 2
        done
        SWIFT_PORT=$first
        return
    done
    die "no five free ports after $tries tries"
}

# The smallest rings there are: two partitions, both on the one disk. One Python
# makes all three in under a second; swift-ring-builder would be started nine
# times, for 6.6 s of a core.
swift_make_rings() {
    /usr/bin/python3 - "$SWIFT_PORT" 2>"$SWIFT/rings.log" <<'PYTHON' ||
import array, sys
from swift.common.ring import RingData
for i, kind in enumerate(("object", "container", "account")):
    node = {"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1",
            "port": int(sys.argv[1]) + 1 + i, "device": "d1", "weight": 1.0,
            "meta": "", "replication_ip": "127.0.0.1",
            "replication_port": int(sys.argv[1]) + 1 + i}
    RingData([array.array("H", [0, 0])], [node], 31).save(kind + ".ring.gz")
PYTHON
        die "no rings: $(tail -n 3 "$SWIFT/rings.log")"
}

swift_configure_backend() { # KIND PORT
    cat >"$1-server.conf" <<INI
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $2
user = $(id -un)
swift_dir = $SWIFT
devices = $SWIFT/disk
mount_check = false
workers = 0
[pipeline:main]
pipeline = $1-server
[app:$1-server]
use = egg:swift#$1
INI
}

# A node that failed is asked again at once: it is the only one.
swift_configure_proxy() {
    cat >proxy-server.conf <<INI
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $SWIFT_PORT
user = $(id -un)
swift_dir = $SWIFT
workers = 0
[pipeline:main]
pipeline = catch_errors cache s3api tempauth bulk slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
error_suppression_limit = 1000000
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
location = $S3_REGION
storage_domain = s3.localhost
dns_compliant_bucket_names = false
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((SWIFT_PORT + 4))
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
INI
}

swift_serve() { # KIND
    "swift-$1-server" "$SWIFT/$1-server.conf" >>"$SWIFT/$1.log" 2>&1 \
        </dev/null &
    SWIFT_PIDS[$1]=$!
}

swift_answers() {
    curl -s -o /dev/null -m 2 "http://127.0.0.1:$1/"
}

swift_await() { # KIND PORT
    wait_for 60 "Swift's $1 server ($(tail -n 1 "$SWIFT/$1.log"))" \
        swift_answers "$2"
}

swift_start() {
    local kind port began=$SECONDS
    swift_usable
    swift_find_port
    SWIFT=$WORK/swift
    S3_URL=http://127.0.0.1:$SWIFT_PORT
    mkdir -p "$SWIFT/disk/d1"
    undo swift_stop
    pushd "$SWIFT" >/dev/null
    printf '[swift-hash]\nswift_hash_path_suffix = x\n' >swift.conf
    swift_configure_proxy
    port=$SWIFT_PORT
    for kind in object container account; do
        port=$((port + 1))
        swift_configure_backend "$kind" "$port"
    done
    swift_make_rings
    popd >/dev/null
    memcached -u "$(id -un)" -l 127.0.0.1 -p $((SWIFT_PORT + 4)) -U 0 -m 16 \
        >"$SWIFT/memcached.log" 2>&1 </dev/null &
    SWIFT_PIDS[memcached]=$!
    for kind in object container account proxy; do
        swift_serve "$kind"
    done
    swift_await object $((SWIFT_PORT + 1))
    swift_await container $((SWIFT_PORT + 2))
    swift_await account $((SWIFT_PORT + 3))
    swift_await proxy "$SWIFT_PORT"
    echo "Swift answers at $S3_URL after $((SECONDS - began)) s"
}

swift_end() { # KIND SIGNAL
    local pid=${SWIFT_PIDS[$1]:-}
    [ -n "$pid" ] || return 0
    kill "-$2" "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    unset "SWIFT_PIDS[$1]"
}

# As a crash: S3 answers 503 to whatever needs an object.
swift_object_kill() {
    swift_end object KILL
}

swift_object_start() {
    swift_serve object
}

swift_stop() {
    local kind
    for kind in proxy account container object memcached; do
        swift_end "$kind" KILL
    done
}

# A request of the story's own: signed by curl, CODE printed.
s3_curl() { # METHOD PATH [CURL-ARGUMENT…]
    local method=$1 path=$2
    shift 2
    curl -s -o "$WORK/s3.out" -w '%{http_code}' -X "$method" \
        --aws-sigv4 "aws:amz:$S3_REGION:s3" \
        -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" \
        "http://${S3_KEY/:/%3A}:$S3_SECRET@${S3_URL#http://}$path"
}
