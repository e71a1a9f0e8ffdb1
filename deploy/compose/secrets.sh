#!/usr/bin/env bash
# Makes the passwords of docker-compose.yml where there are none yet. Run it once, before the first `docker compose up`.
#   secrets.sh [DIRECTORY]     deploy/compose/secrets unless told
set -euo pipefail
directory=${1:-$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/secrets}
umask 077
mkdir -p "$directory"
# The containers read the files under users of their own, so the files are open and the directory is shut.
chmod 700 "$directory"

password() { LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 40 || true; }
keep() { # NAME TEXT: written whole or not at all, never over an old one
  [ -e "$directory/$1" ] || { printf '%s' "$2" >"$directory/$1.new"; chmod 444 "$directory/$1.new"; mv "$directory/$1.new" "$directory/$1"; }
}

keep postgres_password "$(password)"
keep grafana_password "$(password)"
# host:port:database:user:password, as PostgreSQL's clients read it
keep pgpass "postgres:5432:mailcluster:mailcluster:$(cat "$directory/postgres_password")
"
echo "Passwords are in $directory"
