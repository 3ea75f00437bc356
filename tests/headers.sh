#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: every header of the product can be included first and
# alone, twice, and is clean under the project's warnings; so no header leans
# on what another one happened to include.
#
# headers.sh [HEADER…]   default: all of matcher, catalog and api

set -euo pipefail
cd "$(dirname "$0")/.."
FLAGS=(-std=c17 -D_GNU_SOURCE -DREFRAIN_VERSION='"0"' -I. -fsyntax-only
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Wvla
    -Wformat=2 -Wundef -Wstrict-prototypes -Werror)

if [ $# -gt 0 ]; then
    headers=("$@")
else
    mapfile -t headers < <(find matcher catalog api -name '*.h' | sort)
fi
bad=0
for header in "${headers[@]}"; do
    # The typedef: ISO C wants a declaration in every translation unit.
    printf '#include "%s"\n#include "%s"\ntypedef int not_empty;\n' \
        "$header" "$header" |
        ${CC:-cc} "${FLAGS[@]}" -x c - || {
        echo "$header does not compile alone" >&2
        bad=$((bad + 1))
    }
done
echo "${#headers[@]} headers, $bad bad"
[ "${#headers[@]}" -gt 0 ] && [ "$bad" = 0 ]
