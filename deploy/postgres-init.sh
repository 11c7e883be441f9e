#!/bin/bash
# Three databases with an owner each: Airflow, MLflow and the warehouse share a server and nothing else.
set -euo pipefail
for name in airflow mlflow warehouse; do
  upper=$(echo "$name" | tr '[:lower:]' '[:upper:]')
  password_variable="${upper}_DB_PASSWORD"
  psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" \
    --set owner="$name" --set password="${!password_variable}" <<'SQL'
create role :"owner" login password :'password';
create database :"owner" owner :"owner";
revoke connect on database :"owner" from public;
SQL
done
