#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# How fast the vault seals, stores and reads, as ratios to SHA-256 and AES-GCM
# of the same bytes in the same run: absolute figures depend on the machine and
# on who else uses it. Besides, what sha256sum and `openssl speed` say here.
#
# tests/bench/vault.sh [FILE] [ROUNDS]   default: 64 MB of random bytes, 5
# TMPDIR  where the vault is made: its disk decides what vault_put can reach

set -euo pipefail
SOURCE=$(cd "$(dirname "$0")/../.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/refrain-bench-vault.XXXXXX")
trap 'rm -rf -- "$WORK"' EXIT
FILE=${1:-$WORK/random}
ROUNDS=${2:-5}

[ $# -gt 0 ] || head -c 64000000 /dev/urandom >"$FILE"

# Only what the vault needs, so that no build has to be there.
cc -O2 -std=c17 -D_GNU_SOURCE -I"$SOURCE" -o "$WORK/vault" \
    "$SOURCE/tests/bench/vault.c" "$SOURCE"/catalog/vault/*.c \
    "$SOURCE/catalog/id.c" "$SOURCE/matcher/buffer.c" \
    "$SOURCE/matcher/status.c" -lcrypto

echo "file: $(stat -c %s "$FILE") bytes; $ROUNDS rounds; $(nproc) cores;" \
    "load $(cut -d' ' -f1-3 /proc/loadavg)"
"$WORK/vault" "$WORK" "$FILE" "$ROUNDS"

start=$(date +%s%N)
sha256sum "$FILE" >/dev/null
awk -v bytes="$(stat -c %s "$FILE")" -v ns="$(($(date +%s%N) - start))" \
    'BEGIN { printf "%-36s %10.0f MB/s\n", "sha256sum", bytes * 1000 / ns }'
for cipher in sha256 aes-128-gcm; do
    openssl speed -elapsed -seconds 1 -bytes 16384 -evp "$cipher" 2>/dev/null |
        awk -v name="openssl speed $cipher" 'END {
            sub("k$", "", $NF)
            printf "%-36s %10.0f MB/s\n", name, $NF / 1000 }'
done
