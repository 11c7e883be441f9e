#!/bin/bash
# Runs once per start of the team's installation: schemas to the current version, the sign-in, the pool of source reads.
set -euo pipefail
umask 077
python -c 'import json, os; print(json.dumps({"admin": os.environ["ALMANAC_ADMIN_PASSWORD"]}))' > /opt/airflow/passwords.json
airflow db migrate
python -m include.warehouse migrate
airflow pools set almanac_sources 4 "How many source reads run at once"
