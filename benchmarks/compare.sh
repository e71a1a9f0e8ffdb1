#!/usr/bin/env bash
# Measures MailCluster beside Postfix + Dovecot on this machine and writes the tables of docs/performance.md.
#
#   benchmarks/compare.sh [--runs N] [--only peers|mailcluster] [--loops-only|--scenarios-only] [--quick] [--out FILE]
#
# Some twenty minutes with one run: first closed loops (load/bench.py: what the work costs; both sides are warmed by the
# same work before anything is counted, and the first units after a start are a row of their own), then open-loop scenarios
# scenarios/compare-*.json with "mailcluster load" (what users would feel, and whether all mail is there). Ten minutes
# each: --loops-only, --scenarios-only. --quick leaves the idle connections out and shortens scenarios to seconds: to see that all works, not to measure.
# The servers run on core 0, the driver on core 1, never both servers at once. Needs root (CPU accounting by cgroup; the peers'
# packages are installed when they are missing), gcc, make and libssl-dev.
# The records are kept in FILE and FILE-scenarios, a JSON object per line (default /tmp/mailcluster-compare.jsonl, appended to).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
runs=1 only="" quick="" scenarios_only="" loops_only="" out=/tmp/mailcluster-compare.jsonl
while [ $# -gt 0 ]; do
  case $1 in
    --runs) runs=$2; shift ;;
    --only) only=$2; shift ;;
    --out) out=$2; shift ;;
    --quick) quick=--quick ;;
    --scenarios-only) scenarios_only=1 ;;
    --loops-only) loops_only=1 ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2 ;;
  esac
  shift
done
ulimit -n "$(ulimit -Hn)"
state=$(mktemp -d "${TMPDIR:-/var/tmp}/mailcluster-bench.XXXXXX") # on a disk: fsync is part of what is measured
node=
stop() {
  [ -z "$node" ] || { kill -TERM "$node" 2>/dev/null || true; wait "$node" 2>/dev/null || true; node=; }
}
trap 'stop; peers/down.sh >/dev/null 2>&1 || true; rm -rf "$state"' EXIT
start() { # [DATA]: a fresh process on the data that is there
  stop
  rm -f "$state/ready"
  MailCluster__Node__DataDirectory=$state/${1:-data} load/cgrun.sh mailbench-mailcluster 0 \
    ../src/Frontend/bin/Release/net10.0/mailcluster serve --config bench.json --seed-users 200 --ready-file "$state/ready" \
    >"$state/log" 2>&1 &
  node=$!
  for _ in $(seq 600); do
    [ -s "$state/ready" ] && return
    kill -0 "$node" 2>/dev/null || { tail -n 5 "$state/log"; node=; exit 1; }
    sleep 0.1
  done
  exit 1
}
# Memory of idle connections: each case meets a fresh process, so that nothing is counted that an earlier case left behind.
idle() { # TARGET PROTO:DEPTH:TLS:NUMBER
  IFS=: read -r proto depth tls number <<<"$2"
  load/bench.py "$1" idle --proto "$proto" --depth "$depth" $([ "$tls" = 0 ] || echo --tls) --conns "$number" --out "$out"
}

scenarios() { # TARGET: on mailboxes that are empty, a server that is warm
  load/bench.py "$1" warm
  load/scenarios.py run "$1" --runs "$runs" --out "$out-scenarios" $quick
}

[ -n "${NO_BUILD:-}" ] || dotnet build ../MailCluster.sln -c Release -v q
if [ -z "$scenarios_only" ] && [ "$only" != mailcluster ]; then
  FORMAT=sdbox peers/up.sh
  load/bench.py load/targets/peer.json matrix --runs "$runs" --out "$out"
  if [ -z "$quick" ]; then
    # Postfix has a process per SMTP connection, and default_process_limit 100.
    for case in pop3:connect:0:2000 pop3:connect:1:2000 pop3:auth:0:400 smtp:connect:0:72; do
      KEEP=1 FORMAT=sdbox peers/up.sh >/dev/null
      idle load/targets/peer.json "$case"
    done
  fi
  peers/down.sh
fi
if [ -z "$loops_only" ] && [ "$only" != mailcluster ]; then
  FORMAT=sdbox peers/up.sh
  scenarios load/targets/peer.json
  peers/down.sh
fi

if [ -z "$scenarios_only" ] && [ "$only" != peers ]; then
  mkdir -p "$state/data"
  start
  sleep 5 # the figure of the idle program
  pss=$(awk '/^Pss:/ { print $2 }' "/proc/$node/smaps_rollup")
  printf '{"target":"mailcluster","case":"started","at":"%s","pss_kib":%s}\n' "$(date -u +%FT%TZ)" "$pss" | tee -a "$out"
  load/bench.py load/targets/mailcluster.json matrix --runs "$runs" --out "$out"
  if [ -z "$quick" ]; then
    for case in pop3:connect:0:2000 pop3:connect:1:2000 pop3:auth:0:2000 smtp:connect:0:2000 smtp:connect:0:10000 pop3:connect:1:10000; do
      start
      idle load/targets/mailcluster.json "$case"
    done
  fi
  stop
fi
if [ -z "$loops_only" ] && [ "$only" != peers ]; then
  mkdir -p "$state/scenarios"
  start scenarios
  scenarios load/targets/mailcluster.json
  stop
fi
[ -n "$scenarios_only" ] || load/report.py "$out" ../docs/performance.md
[ -n "$loops_only" ] || load/scenarios.py report "$out-scenarios" ../docs/performance.md
