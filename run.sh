#!/usr/bin/env bash
# Builds MailCluster and runs one node with a demo tenant on loopback. Options go on to `mailcluster serve`.
# With --cluster N [--namespaces]: a private PostgreSQL and N nodes (deploy/local-cluster.sh).
set -euo pipefail

here="$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd)"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

say() { printf '%s\n' "$*" >&2; }

if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
  say "The .NET 10 SDK is missing. Install it: https://dotnet.microsoft.com/download/dotnet/10.0"
  say "(or: curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0)"
  exit 1
fi

has_sqlite() {
  { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null; } | grep -q 'libsqlite3\.so\.0' ||
    compgen -G '/usr/lib/*/libsqlite3.so.0' >/dev/null || compgen -G '/usr/lib*/libsqlite3.so.0' >/dev/null
}

if ! has_sqlite; then
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    say "Installing the system's SQLite library (libsqlite3-0) ..."
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q libsqlite3-0 >&2 ||
      { apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q libsqlite3-0 >&2; }
  else
    say "The system's SQLite library is missing. Install it and start again:"
    say "  sudo apt-get install -y libsqlite3-0"
    exit 1
  fi
fi

say "Building ..."
if ! log="$(dotnet build "$here/src/Frontend" -c Release -v q -nologo 2>&1)"; then
  say "$log"
  exit 1
fi

# The program looks for the runtime where the SDK may not be.
if [ -z "${DOTNET_ROOT:-}" ]; then
  DOTNET_ROOT="$(dirname -- "$(readlink -f -- "$(command -v dotnet)")")"
  export DOTNET_ROOT
fi

if [ "${1:-}" = --cluster ]; then
  exec "$here/deploy/local-cluster.sh" "$here/src/Frontend/bin/Release/net10.0/mailcluster" "$here/data/cluster" "${2:-3}" "${@:3}"
fi

# exec: Ctrl-C and SIGTERM reach the node itself, which drains.
exec "$here/src/Frontend/bin/Release/net10.0/mailcluster" serve --data "$here/data" --demo "$@"
