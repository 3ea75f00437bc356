#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Goal of this test: the house stays a house. Includes point one way (api ->
# catalog -> matcher), every third party is known in its one home, no source
# is without licence, no folder without explanation, every command to Redis is
# known to its router, and functions that cannot be used safely are not used.
#
# layers.sh [ROOT]     checks ROOT (default: this repository)
# layers.sh --self     plants each fault in a small tree: all must be caught

set -euo pipefail
FAULTS=0

fault() { # FILE WHAT
    printf '%s: %s\n' "$1" "$2" >&2
    FAULTS=$((FAULTS + 1))
}

sources() { # FIND-EXPRESSION… -> files, without what is built or downloaded
    find . \( -name .git -o -path ./build -o -path ./fixtures/cache \
        -o -name node_modules \) -prune -o -type f "$@" -print | sed 's|^\./||'
}

# One line an include of the whole tree: FILE, then < or " and the name.
list_includes() {
    sources -name '*.[ch]' | tr '\n' '\0' | xargs -0 -r \
        sed -nE '/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]/{
            s/^[^<"]*([<"][^>"]*).*/\1/; F; p }' | paste - -
}

# --- direction ------------------------------------------------------------------

# A folder may include itself and what stands under it.
check_direction() {
    local file name
    while IFS=$'\t' read -r file name; do
        case $file:$name in
        matcher/*:\"catalog/* | matcher/*:\"api/*)
            fault "$file" "matcher may not include ${name#\"}"
            ;;
        catalog/*:\"api/*)
            fault "$file" "catalog may not include ${name#\"}"
            ;;
        matcher/*:\"tests/* | catalog/*:\"tests/* | api/*:\"tests/*)
            fault "$file" "the product may not include ${name#\"}"
            ;;
        *:\"matcher/* | *:\"catalog/* | *:\"api/* | *:\"tests/*) ;;
        *:\"*)
            fault "$file" "include \"${name#\"}\" by its whole path"
            ;;
        esac
    done <<<"$INCLUDES"
}

# --- third parties -----------------------------------------------------------------

# Header prefix and its home (shell patterns, | between several).
HOMES='
libav*            matcher/decode.c
libsw*            matcher/decode.c
chromaprint.h     matcher/fingerprint.c
zstd*.h           matcher/fingerprint_pack.c|matcher/sketch_pack.c
fftw3.h           matcher/spectrum.c
seccomp.h         matcher/decoder/sandbox.c
hiredis/*         catalog/redis/node.c|catalog/redis/reply.c
openssl/*         catalog/vault/crypto.c
crypt.h           catalog/library/password.c
archive*.h        api/routes/release_tar.c
microhttpd.h      api/server.c|api/request.c|api/reply.c
jansson.h         api/*
curl/*            api/cli/client.c|catalog/vault/s3/http.c
libxml/*          catalog/vault/s3/xml.c
ini.h             api/config.c
'
# Headers of the C library and of Linux.
SYSTEM='^(sys|linux|arpa|netinet|net|asm)/|^(argp|assert|ctype|dirent|dlfcn|endian|errno|fcntl|fenv|float|fts|getopt|grp|inttypes|iso646|limits|locale|malloc|math|netdb|poll|pthread|pwd|sched|search|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|termios|threads|time|ucontext|unistd|wchar|wctype)\.h$'

# Sets HOME_FOUND to the header's home, or to nothing.
find_home() { # HEADER
    local prefix home
    HOME_FOUND=
    while read -r prefix home; do
        # The prefix is a pattern on purpose.
        # shellcheck disable=SC2053
        if [ -n "$prefix" ] && [[ $1 == $prefix ]]; then
            HOME_FOUND=$home
            return
        fi
    done <<<"$HOMES"
}

lives_in() { # FILE HOME
    local patterns pattern
    IFS='|' read -ra patterns <<<"$2"
    for pattern in "${patterns[@]}"; do
        # shellcheck disable=SC2053
        [[ $1 == $pattern ]] && return 0
    done
    return 1
}

check_homes() {
    local file name
    while IFS=$'\t' read -r file name; do
        [[ $name == \<* && $file =~ ^(matcher|catalog|api)/ ]] || continue
        name=${name#<}
        [[ $name =~ $SYSTEM ]] && continue
        find_home "$name"
        if [ -z "$HOME_FOUND" ]; then
            fault "$file" "<$name> has no home: add it to layers.sh"
        elif ! lives_in "$file" "$HOME_FOUND"; then
            fault "$file" "<$name> belongs in $HOME_FOUND alone"
        fi
    done <<<"$INCLUDES"
}

# --- licence, explanation, safety -------------------------------------------------------

check_licence() {
    local file
    while read -r file; do
        fault "$file" "has no SPDX line among its first three"
    done < <(sources \( -name '*.[ch]' -o -name '*.sh' -o -name '*.lua' \
        -o -name '*.cmake' -o -name CMakeLists.txt -o -name '*.js' \
        -o -name '*.py' -o -path './.ci/run' -o -path './tests/run' \
        -o -path './fixtures/demo' -o -path './fixtures/bootstrap' \
        -o -path './fixtures/corpus' \) | tr '\n' '\0' | xargs -0 -r awk '
            FNR == 1 { said = 0 }
            FNR <= 3 && /SPDX-License-Identifier: GPL-3.0-or-later/ { said = 1 }
            FNR == 3 || (FNR < 3 && said) { licensed[FILENAME] += said }
            END { for (i = 1; i < ARGC; i++)
                if (!licensed[ARGV[i]]) print ARGV[i] }')
}

# A folder has a README.md, or its parent's (or grandparent's) names it.
check_explained() {
    local folder parent name
    while read -r folder; do
        [ -f "$folder/README.md" ] && continue
        name=$(basename "$folder")
        parent=$(dirname "$folder")
        grep -qs -- "$name/" "$parent/README.md" "$(dirname "$parent")/README.md" ||
            fault "$folder" "no README.md, nor '$name/' in its parent's"
    done < <(sources | sed -nE 's|/[^/]*$||p' | grep -vE '^\.|/corpus/' | sort -u)
}

# In code, not in comments.
check_banned() {
    local file hit
    while IFS=: read -r file hit; do
        fault "$file" "banned function: $hit"
    done < <(sources -name '*.[ch]' | tr '\n' '\0' | xargs -0 -r grep -HE \
        '\<(strcpy|strcat|v?sprintf|gets|strtok)[[:space:]]*\(' |
        grep -vE '^[^:]*:[[:space:]]*(\*|//|/\*)')
}

# --- commands to Redis ----------------------------------------------------------------

# A cluster finds the key of each command in a table: what begins a list of
# arguments must stand in it. What a connection asks for itself is no part of it.
check_commands() {
    local table=catalog/redis/command.c file name
    [ -f "$table" ] || return 0
    while IFS=: read -r file name; do
        grep -qF "{\"$name\", KEY_" "$table" ||
            fault "$file" "$name is not in the table of $table"
    done < <(sources -name '*.c' -path './[ac]*' | grep -vxE \
        'catalog/redis/(redis|topology)\.c' | tr '\n' '\0' | xargs -0 -r \
        grep -zoPH '(\{|\[0\] =)\s*redis_text\("\K[A-Z]+(?="\))' |
        tr '\0' '\n' | sort -u)
}

check_tree() { # ROOT -> 0 when nothing was found
    FAULTS=0
    cd "$1"
    INCLUDES=$(list_includes)
    check_direction
    check_homes
    check_licence
    check_explained
    check_banned
    check_commands
    [ "$FAULTS" = 0 ]
}

# --- does it catch them? -----------------------------------------------------------------

plant() { # FILE TEXT
    local licence='/* SPDX-License-Identifier: GPL-3.0-or-later */'
    mkdir -p "$TREE/$(dirname "$1")"
    [ "$2" != "$UNLICENSED" ] || licence=''
    printf '%s\n%s\n' "$licence" "$2" >"$TREE/$1"
}
UNLICENSED='int unlicensed;'

# The tree with one fault more must be refused, and accepted without it.
must_catch() { # WHAT FILE TEXT
    plant "$2" "$3"
    if (check_tree "$TREE") 2>"$TREE.log"; then
        echo "not caught: $1"
        MISSED=$((MISSED + 1))
    elif [ "$(wc -l <"$TREE.log")" != 1 ]; then
        echo "$1: expected one fault, got:"
        cat "$TREE.log"
        MISSED=$((MISSED + 1))
    fi
    rm -- "$TREE/$2"
}

check_self() {
    TREE=$(mktemp -d)
    MISSED=0
    trap 'rm -rf -- "$TREE" "$TREE.log"' EXIT
    plant matcher/README.md 'pool/ decodes'
    plant catalog/README.md 'redis/ keeps'
    plant api/README.md ''
    plant matcher/decode.c '#include <libavcodec/avcodec.h>'
    plant catalog/a.c '#include "matcher/decode.h"
// strcpy(a, b) in a comment
#include <stdio.h>'
    plant catalog/redis/command.c '{"GET", KEY_FIRST},'
    plant catalog/b.c 'const struct redis_arg a[] = {
    redis_text("GET"), redis_text("NX")};'
    (check_tree "$TREE") || { echo "a good tree was refused"; exit 1; }
    must_catch "matcher includes catalog" matcher/x.c '#include "catalog/id.h"'
    must_catch "matcher includes api" matcher/x.h '#  include "api/log.h"'
    must_catch "catalog includes api" catalog/x.c '#include "api/log.h"'
    must_catch "product includes tests" api/x.c '#include "tests/x.h"'
    must_catch "include without folder" api/x.c '#include "log.h"'
    must_catch "FFmpeg elsewhere" matcher/x.c '#include <libavutil/dict.h>'
    must_catch "hiredis in api" api/x.c '#include <hiredis/hiredis.h>'
    must_catch "libcurl in matcher" matcher/x.c '#include <curl/curl.h>'
    must_catch "libxml2 elsewhere" catalog/x.c '#include <libxml/tree.h>'
    must_catch "unknown third party" api/x.c '#include <sqlite3.h>'
    must_catch "unknown command" api/x.c 'a[0] = redis_text("SET");'
    must_catch "no licence" api/x.c "$UNLICENSED"
    must_catch "unexplained folder" api/dark/x.c 'int x;'
    must_catch "strcpy" api/x.c 'void f(char *a) { strcpy (a, a); }'
    must_catch "sprintf" api/x.c 'int n = sprintf(a, "");'
    must_catch "strtok" api/x.c 'a = strtok(b, c);'
    [ "$MISSED" = 0 ]
}

if [ "${1:-}" = --self ]; then
    check_self
    echo "layers.sh catches what it should"
else
    check_tree "${1:-$(dirname "$0")/..}" || {
        echo "$FAULTS faults in the house" >&2
        exit 1
    }
    echo "the house is in order"
fi
