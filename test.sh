#!/usr/bin/env bash
# Sets up what the tests need, builds, runs every test project and ends with "N passed, N failed".
#
#   ./test.sh [--only PROJECT]... [--filter TEXT] [--fuzz-seconds N] [--no-build] [--write-docs]
#   ./test.sh --seeds N [--from S] | --seed S [--trace]
#
#   --only PROJECT      one project by the name of its folder under tests/ (Shared.Tests, Integration, Shared.Fuzz, ...)
#   --filter TEXT       only the tests whose full name contains TEXT
#   --fuzz-seconds N    seconds for each fuzz target (default 3)
#   --seeds N           only the simulation of a cluster, with N seeds (from S on, else from 1)
#   --seed S            that one run again; --trace prints all that happens in it
#   --no-build          what is built already is taken as it is
#   --write-docs        the documents that are made from the code are written instead of compared
#
# As root the real mail clients are installed when they are missing, and a test that is skipped counts as failed.
# Not as root, what is missing is printed with the command that installs it, and tests that need it are skipped.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

only=() filter="" fuzz_seconds=3 build=1 seeds=()
usage() { sed -n '2,16s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
  case $1 in
    --only) only+=("${2:?--only needs the name of a project}"); shift ;;
    --filter) filter=${2:?--filter needs a text}; shift ;;
    --fuzz-seconds) fuzz_seconds=${2:?--fuzz-seconds needs a number}; shift ;;
    --seeds|--seed|--from) seeds+=("$1" "${2:?$1 needs a number}"); shift ;;
    --trace) seeds+=("$1") ;;
    --no-build) build= ;;
    --write-docs) export MAILCLUSTER_WRITE_DOCS=1 ;;
    -h|--help) usage; exit 0 ;;
    *) echo "unknown option: $1" >&2; usage >&2; exit 2 ;;
  esac
  shift
done
case $fuzz_seconds in *[!0-9]*) echo "--fuzz-seconds needs a number, not '$fuzz_seconds'" >&2; exit 2 ;; esac

if [ ${#seeds[@]} -gt 0 ]; then
  [ -z "$build" ] || dotnet build tests/Simulation -c Release -v q -nodereuse:false || exit 1
  exec tests/Simulation/bin/Release/net10.0/MailCluster.Simulation "${seeds[@]}"
fi

# Project, and the seconds after which a run that hangs is ended and counted as failed.
projects=(Tidy.Tests:180 Shared.Tests:300 Shared.Fuzz:0 Actors.Tests:600 Simulation:400 LoadTest.Tests:300 Frontend.Tests:300 Deployment:180 Integration:1500)
passed=0 failed=0 skipped=0 root=
[ "$(id -u)" = 0 ] && root=1

wanted() {
  [ ${#only[@]} -eq 0 ] && return 0
  local name
  for name in "${only[@]}"; do [ "$name" = "$1" ] && return 0; done
  return 1
}
for name in "${only[@]}"; do
  case " ${projects[*]}" in *" $name:"*) ;; *) echo "no such test project: $name" >&2; exit 2 ;; esac
done
finish() {
  [ "$skipped" -eq 0 ] || echo "$skipped skipped"
  [ $((passed + failed)) -gt 0 ] || failed=1 # a run in which nothing was run has shown nothing
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit
}

# ---- the clients and tools that tests run, and the Debian package of each
clients=(curl:curl swaks:swaks mpop:mpop fetchmail:fetchmail getmail:getmail6 mutt:mutt script:bsdutils strace:strace
         promtool:prometheus python3:python3 openssl:openssl sqlite3:sqlite3 ps:procps runuser:util-linux msmtp:msmtp
         smtp-source:postfix testssl:testssl.sh krb5kdc:krb5-kdc kadmin.local:krb5-admin-server kinit:krb5-user
         chromium:chromium gsasl:gsasl haproxy:haproxy ip:iproute2
         dovecot:dovecot-core /usr/lib/dovecot/pop3:dovecot-pop3d)
missing_packages() {
  local pair
  for pair in "${clients[@]}"; do command -v "${pair%%:*}" >/dev/null || echo "${pair##*:}"; done
  perl -MNet::SSLeay -e 1 2>/dev/null || echo libnet-ssleay-perl # swaks needs it for TLS
  compgen -G '/usr/lib/*/gssntlmssp/gssntlmssp.so' >/dev/null || compgen -G '/usr/lib*/gssntlmssp/gssntlmssp.so' >/dev/null ||
    echo gss-ntlmssp # curl has NTLM of its own, the program under test has not
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
  compgen -G '/usr/lib/*/libsqlite3.so.0' >/dev/null || compgen -G '/usr/lib*/libsqlite3.so.0' >/dev/null || echo libsqlite3-0
}
install_clients() {
  local packages made=
  mapfile -t packages < <(missing_packages | sort -u)
  [ ${#packages[@]} -gt 0 ] || return 0
  if [ -z "$root" ]; then
    echo "Missing, so some tests are skipped. To install: sudo apt-get install -y --no-install-recommends ${packages[*]}"
    return 0
  fi
  echo "Installing: ${packages[*]}"
  if [ ! -e /usr/sbin/policy-rc.d ]; then # no service may start by itself
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && made=1
  fi
  export DEBIAN_FRONTEND=noninteractive
  # of PostgreSQL only the programs: every test run has a server of its own
  mkdir -p /etc/postgresql-common && [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  # of postfix only its traffic generator is wanted: nothing is set up
  ! command -v debconf-set-selections >/dev/null ||
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
  { apt-get -qq update && apt-get -qq install -y --no-install-recommends "${packages[@]}"; } >"$results/apt.log" 2>&1 ||
    { tail -n 20 "$results/apt.log"; echo "The packages above did not install; the tests that need them will fail."; }
  [ -z "$made" ] || rm -f /usr/sbin/policy-rc.d
}

results=$PWD/TestResults
mkdir -p "$results"
if wanted Integration || wanted Frontend.Tests || wanted Actors.Tests || wanted Deployment; then install_clients; fi

# ---- build
if [ -n "$build" ]; then
  dotnet build MailCluster.sln -c Release -v q -nodereuse:false || { echo "The build failed."; failed=1; finish; }
  if wanted Integration; then
    # The counter-check of the power-loss test: the same program with durability switched off.
    dotnet build src/Frontend/MailCluster.Frontend.csproj -c Release -v q -nodereuse:false \
      -p:StoreSynchronous=OFF --artifacts-path "$PWD/artifacts/sync-off" || { echo "The build failed."; failed=1; finish; }
  fi
fi

# ---- run
count() { # FILE ATTRIBUTE: the sum over the assemblies of a result file
  grep -o "<assembly [^>]*" "$1" | grep -o " $2=\"[0-9]*\"" | tr -dc '0-9\n' | awk '{ n += $1 } END { print n + 0 }'
}
run_tests() { # PROJECT SECONDS
  local exe xml=$results/$1.xml code=0 args=(-noLogo -noColor) p f s
  exe=tests/$1/bin/Release/net10.0/MailCluster.$1
  rm -f "$xml"
  [ -z "$filter" ] || args+=(-method "*$filter*")
  timeout -k 10 "$2" "$exe" "${args[@]}" -xml "$xml" || code=$?
  if [ ! -s "$xml" ]; then
    [ $code -ne 124 ] || echo "$1 was ended after $2 seconds."
    echo "$1 left no result (exit code $code)."
    failed=$((failed + 1))
    return
  fi
  p=$(count "$xml" passed) f=$(($(count "$xml" failed) + $(count "$xml" errors))) s=$(count "$xml" skipped)
  [ $code -eq 0 ] || [ $f -gt 0 ] || [ $((p + s)) -eq 0 ] || f=1
  if [ -n "$root" ]; then f=$((f + s)); else skipped=$((skipped + s)); fi
  passed=$((passed + p)) failed=$((failed + f))
  echo "$1: $p passed, $f failed"
}
run_fuzz() { # one result per target; a target that hangs ends the run and is counted by the exit code
  local exe=tests/Shared.Fuzz/bin/Release/net10.0/MailCluster.Shared.Fuzz log=$results/Shared.Fuzz.log code=0 p f
  timeout -k 10 $((fuzz_seconds * 40 + 120)) "$exe" --seconds "$fuzz_seconds" 2>&1 | tee "$log" || code=$?
  p=$(grep -c ', no finding$' "$log") f=$(grep -c ': finding at ' "$log")
  if [ "$f" -eq 0 ] && { [ $code -ne 0 ] || [ "$p" -eq 0 ]; }; then
    echo "Shared.Fuzz ended with code $code."; f=1
  fi
  passed=$((passed + p)) failed=$((failed + f))
  echo "Shared.Fuzz: $p passed, $f failed"
}

for pair in "${projects[@]}"; do
  name=${pair%%:*}
  wanted "$name" || continue
  echo "== $name"
  if [ "$name" = Shared.Fuzz ]; then
    [ -n "$filter" ] || run_fuzz
  else
    run_tests "$name" "${pair##*:}"
  fi
done
finish
