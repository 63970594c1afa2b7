#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run once by the database's image, after the tables: the role that the node uses, with the rights that
# `simpul connector check` asks for, and no others.
set -euo pipefail
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --set password="$POSTGRES_PASSWORD" --username "${POSTGRES_USER:-postgres}" \
    --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE simpul LOGIN PASSWORD :'password';
SELECT format('GRANT CREATE ON DATABASE %I TO simpul', current_database()) \gexec
GRANT SELECT, INSERT, UPDATE, TRIGGER ON ALL TABLES IN SCHEMA public TO simpul;
SQL
