#!/usr/bin/env bash
# Cuts a node of a local cluster off from the other nodes, and heals it: deploy/partition.sh READYFILE cut|heal
# Clients and the database still reach it. Connections stay open and silent, as behind a broken switch. For "mailcluster load
# --chaos partition=30s/5s --partition-command deploy/partition.sh" with "./run.sh --cluster 3 --namespaces"; needs root.
#
# The node's process has to be in a network namespace of its own, whose eth0 is in a /24 where nodes are numbers 1 to 9.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; exit 1; }
[ $# -eq 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || say "Only root can cut a node off."
process=$(sed -n 's/.*"pid":[[:space:]]*\([0-9]*\).*/\1/p' "$1") || say "$1 is no ready file of a node."
[ -e "/proc/${process:-none}/ns/net" ] || say "$1: process ${process:-?} does not run."
[ "$(readlink "/proc/$process/ns/net")" != "$(readlink /proc/self/ns/net)" ] ||
  say "Process $process is in this machine's own network and cannot be cut off. Start the cluster with: ./run.sh --cluster 3 --namespaces"

inside=(nsenter --target "$process" --net ip)
own=$("${inside[@]}" -o -4 addr show dev eth0 | sed -n 's/.* inet \([0-9.]*\).*/\1/p' | head -n 1)
[ -n "$own" ] || say "Process $process has no eth0 with an IPv4 address."
for number in 1 2 3 4 5 6 7 8 9; do
  peer=${own%.*}.$number
  [ "$peer" != "$own" ] || continue
  case $2 in
    cut) "${inside[@]}" route replace blackhole "$peer/32" ;;
    heal) "${inside[@]}" route del blackhole "$peer/32" 2>/dev/null || true ;; # it was not cut off
    *) say "What is \"$2\"? Either cut or heal." ;;
  esac
done
