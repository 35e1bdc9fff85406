#!/bin/sh
# Makes the databases: one for each program, with a user of its name, who reaches no other one. It may be repeated, and
# gives the users the passwords of this time. Compose runs it at the first start of its PostgreSQL. For a server of
# someone else's, PGHOST, PGUSER (postgres), PGPASSWORD and PGSSLMODE say where; that user needs no superuser's rights.
set -eu
database() {
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set name="$1" --set password="$2" \
        --username "${PGUSER:-postgres}" --dbname postgres <<'SQL'
SELECT format('CREATE USER %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER USER :"name" PASSWORD :'password';
-- Who is no superuser makes databases for roles of his own only.
GRANT :"name" TO CURRENT_USER;
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
}
database airflow "$AIRFLOW_DATABASE_PASSWORD"
database mlflow "$MLFLOW_DATABASE_PASSWORD"
[ -z "${CELERY_DATABASE_PASSWORD:-}" ] || database celery "$CELERY_DATABASE_PASSWORD"
