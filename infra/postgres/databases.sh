#!/bin/sh
# Makes the databases at the first start: one for each program, with a user of its name, who reaches no other one.
set -eu
database() {
    psql --no-psqlrc --set ON_ERROR_STOP=1 --set name="$1" --set password="$2" --username postgres --dbname postgres <<'SQL'
CREATE USER :"name" PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
SQL
}
database airflow "$AIRFLOW_DATABASE_PASSWORD"
database mlflow "$MLFLOW_DATABASE_PASSWORD"
