#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL cluster of a test's own: in a folder, on a Unix socket in that folder only, as an ordinary user.
#
#   tests/system/postgres.sh start FOLDER [postgres options]   makes it, starts it, waits until it answers;
#                                                              prints a connection string without a database
#   tests/system/postgres.sh restart FOLDER | kill FOLDER      kill: as a power cut would
#   tests/system/postgres.sh stop FOLDER                       stops it and removes the folder
#
# Exit 77: PostgreSQL is not installed here.
set -eu

bin=${SIMPUL_PG_BIN:-}
for candidate in /usr/lib/postgresql/*/bin; do
    if [ -z "$bin" ] && [ -x "$candidate/initdb" ]; then bin=$candidate; fi
done
if [ -z "$bin" ]; then
    echo "SKIPPED: PostgreSQL is not installed (apt-get install postgresql-15)" >&2
    exit 77
fi

command=${1:?start, restart, kill or stop}
folder=${2:?a folder}
shift 2

# initdb refuses root.
as_user() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

server() {
    as_user "$bin/pg_ctl" -s -w -t 60 -D "$folder/data" -l "$folder/log" "$@"
}

case $command in
start)
    mkdir -p "$folder"
    if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
    chmod 755 "$folder"
    if [ ! -d "$folder/data" ]; then
        as_user "$bin/initdb" -D "$folder/data" -A trust -U simpul -E UTF8 --locale=C.UTF-8 --no-sync >"$folder.initdb" 2>&1 || {
            cat "$folder.initdb" >&2
            exit 1
        }
        rm -f "$folder.initdb"
    fi
    server -o "-c listen_addresses='' -c unix_socket_directories='$folder' $*" start >&2
    echo "host=$folder user=simpul"
    ;;
restart)
    server restart -m fast >&2
    ;;
kill)
    server stop -m immediate >&2
    ;;
stop)
    server stop -m immediate >&2 || true
    rm -rf "$folder"
    ;;
*)
    echo "postgres.sh: start, restart, kill or stop, not $command" >&2
    exit 2
    ;;
esac
