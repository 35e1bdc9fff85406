#!/bin/sh
# What the official image does: makes the databases at the first start, then serves.
set -eu
bin=$(echo /usr/lib/postgresql/*/bin)
PATH="$bin:$PATH"
if ! test -s "$PGDATA/PG_VERSION"; then
    printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password
    # shellcheck disable=SC2086
    initdb --pgdata "$PGDATA" --username postgres --pwfile /tmp/password --auth-local=trust $POSTGRES_INITDB_ARGS
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    pg_ctl --pgdata "$PGDATA" --wait --options "-c listen_addresses=''" start
    for script in /docker-entrypoint-initdb.d/*.sh; do sh "$script"; done
    pg_ctl --pgdata "$PGDATA" --wait stop
fi
exec postgres -D "$PGDATA" -c "listen_addresses=*"
