#!/usr/bin/env bash
# A cluster on this machine to try things with: a private PostgreSQL and N nodes on 127.0.0.1, 127.0.0.2, … (./run.sh --cluster N).
# A node that is killed is started again after ten seconds. Ctrl-C drains all nodes and stops PostgreSQL; what is in data/cluster stays.
# With --namespaces (root) each node is in a network namespace of its own, on 198.19.255.1, 198.19.255.2, …: deploy/partition.sh can then
# cut one off. Clients of this machine come from 198.19.0.1 on, as loopback addresses do not reach that far.
set -euo pipefail

program=$1 data=$2 count=$3
shift 3

say() { printf '%s\n' "$*" >&2; }
case $count in ''|*[!0-9]*|0) say "--cluster needs a number of nodes from 1 to 9"; exit 2 ;; esac
[ "$count" -le 9 ] || { say "--cluster takes at most 9 nodes"; exit 2; }
namespaces= database=127.0.0.1
if [ "${1:-}" = --namespaces ]; then
  shift
  [ "$(id -u)" -eq 0 ] || { say "--namespaces needs root"; exit 1; }
  command -v ip >/dev/null || { say "--namespaces needs the command ip: sudo apt-get install -y iproute2"; exit 1; }
  ! ip link show mailcluster0 >/dev/null 2>&1 ||
    { say "The network mailcluster0 is there already: another cluster runs, or: ip link del mailcluster0"; exit 1; }
  namespaces=1 database=198.19.255.254
fi
address_of() { if [ -n "$namespaces" ]; then echo "198.19.255.$1"; else echo "127.0.0.$1"; fi; }
build_network() {
  ip link add mailcluster0 type bridge
  ip addr add "$database/24" dev mailcluster0
  ip link set mailcluster0 up
  ip route replace local 198.19.0.0/17 dev lo # clients may come from any of these
  local node
  for node in $(seq "$count"); do
    ip netns add "mailcluster$node"
    ip link add "mailcluster0n$node" type veth peer name eth0 netns "mailcluster$node"
    ip link set "mailcluster0n$node" master mailcluster0 up
    ip -n "mailcluster$node" addr add "$(address_of "$node")/24" dev eth0
    ip -n "mailcluster$node" link set eth0 up
    ip -n "mailcluster$node" link set lo up
    ip -n "mailcluster$node" route add 198.19.0.0/17 via "$database"
  done
}
remove_network() {
  local node
  for node in $(seq "$count"); do ip netns del "mailcluster$node" 2>/dev/null || true; done
  ip link del mailcluster0 2>/dev/null || true
  ip route del local 198.19.0.0/17 dev lo 2>/dev/null || true
}

bin=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || true)
if [ -z "$bin" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  say "Installing PostgreSQL ..."
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || # only the binaries are wanted, no server of the system's
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql >&2 ||
    { apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -q postgresql >&2; }
  bin=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || true)
fi
[ -n "$bin" ] || { say "PostgreSQL is missing. Install it and start again: sudo apt-get install -y postgresql"; exit 1; }
bin=$(dirname "$bin")

# The server refuses to run as root; its user must be able to come to its directory.
mkdir -p "$data"
postgres=$data/postgresql as=()
if [ "$(id -u)" -eq 0 ]; then
  as=(runuser -u postgres --)
  if ! "${as[@]}" test -x "$data"; then
    postgres=/var/tmp/mailcluster-$(printf %s "$data" | cksum | cut -d' ' -f1)
  fi
  mkdir -p "$postgres"
  chown postgres "$postgres"
  chmod 700 "$postgres"
fi

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
if [ ! -e "$postgres/PG_VERSION" ]; then
  "${as[@]}" "$bin/initdb" -D "$postgres" -U mailcluster -A trust -E UTF8 --no-locale >/dev/null
  # Nodes of an earlier database would rightly refuse an empty one.
  rm -f "$data"/node*/store.position
fi
[ -z "$namespaces" ] || grep -q "198.19.255.0/24" "$postgres/pg_hba.conf" ||
  echo "host all all 198.19.255.0/24 trust" >>"$postgres/pg_hba.conf"
if [ -n "$namespaces" ]; then
  trap remove_network EXIT
  build_network
fi
if ! "${as[@]}" "$bin/pg_ctl" -D "$postgres" status >/dev/null; then
  port=54321
  while taken "$port"; do port=$((port + 1)); done
  "${as[@]}" "$bin/pg_ctl" -D "$postgres" -w -s -l "$postgres/server.log" \
    -o "-p $port -c listen_addresses='127.0.0.1,$database' -c unix_socket_directories=$postgres -c max_connections=200" start
fi
port=$("${as[@]}" sed -n 4p "$postgres/postmaster.pid")
"${as[@]}" "$bin/psql" -qAt -h 127.0.0.1 -p "$port" -U mailcluster -d postgres -c 'CREATE DATABASE mailcluster' 2>/dev/null || true

pids=() stopping=
configure() { # NODE: ports as those of a lone node, each node on an address of its own
  local directory=$data/node$1 address
  address=$(address_of "$1")
  mkdir -p "$directory"
  cat >"$directory/mailcluster.json" <<JSON
{
  "MailCluster": {
    "Node": { "Name": "node$1.example.test", "DataDirectory": "$directory", "AdvertisedAddress": "$address:7000" },
    "Store": {
      "Kind": "PostgreSql",
      "ConnectionString": "Host=$database;Port=$port;Database=mailcluster;Username=mailcluster"
    },
    "Smtp": {
      "Bindings": [
        { "Name": "gateway", "Role": "Gateway", "Endpoint": "$address:2525", "Tls": "StartTls" },
        { "Name": "submission", "Role": "Submission", "Endpoint": "$address:2587", "Tls": "StartTls" },
        { "Name": "submissions", "Role": "Submission", "Endpoint": "$address:2465", "Tls": "Implicit" }
      ]
    },
    "Pop3": {
      "Bindings": [
        { "Name": "pop3", "Endpoint": "$address:2110", "Tls": "StartTls" },
        { "Name": "pop3s", "Endpoint": "$address:2995", "Tls": "Implicit" }
      ]
    },
    "Cluster": { "Endpoint": "$address:7000" },
    "Http": { "Endpoint": "$address:8080", "AdminTokenFile": "$data/admin.token" }
  }
}
JSON
}
start() { # NODE
  local directory=$data/node$1 demo=() inside=()
  [ "$1" -ne 1 ] || demo=(--demo)
  [ -z "$namespaces" ] || inside=(ip netns exec "mailcluster$1")
  rm -f "$directory/ready.json"
  # A session of its own: Ctrl-C comes to this script, and it tells the nodes once.
  setsid "${inside[@]}" "$program" serve --config "$directory/mailcluster.json" --ready-file "$directory/ready.json" \
    "${demo[@]}" "${arguments[@]}" >"$directory/node.log" 2>&1 &
  pids[$1]=$!
}
wait_ready() { # NODE
  local directory=$data/node$1 tries=0
  until [ -s "$directory/ready.json" ]; do
    kill -0 "${pids[$1]}" 2>/dev/null || { say "node$1 ended before it was ready:"; tail -n 20 "$directory/node.log" >&2; return 1; }
    [ $((tries += 1)) -lt 600 ] || { say "node$1 is not ready after 60 s; see $directory/node.log"; return 1; }
    sleep 0.1
  done
}
stop_all() {
  trap - EXIT INT TERM
  [ -n "$stopping" ] || say "Draining ..."
  stopping=1
  local pid
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  "${as[@]}" "$bin/pg_ctl" -D "$postgres" -s -m fast stop || true
  [ -z "$namespaces" ] || remove_network
}

arguments=("$@")
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 0' TERM
for node in $(seq "$count"); do configure "$node"; done
for node in $(seq "$count"); do
  say "Starting node$node ..."
  start "$node"
  wait_ready "$node"
done

export MAILCLUSTER_ADMIN_URL=http://$(address_of 1):8080
cat "$data/node1/node.log" | sed -n '/^The node serves/,/^Ctrl-C/{/^Ctrl-C/!p}' || true
echo "Nodes (data and log in $data):"
for node in $(seq "$count"); do
  echo "  node$node  pid ${pids[$node]}  SMTP $(address_of "$node"):2525  submission :2587 :2465  POP3 :2110  POP3S :2995  HTTP :8080"
done
"$program" cluster status --token-file "$data/admin.token"
echo
echo "Again: ./mailcluster cluster status --url $MAILCLUSTER_ADMIN_URL --token-file $data/admin.token"
echo "Load:  ./mailcluster load scenarios/smoke.json --token-file $data/admin.token --report smoke.html \\"
[ -z "$namespaces" ] || echo "         --source-first 198.19.0.1 --partition-command deploy/partition.sh \\"
for node in $(seq "$count"); do echo "         --ready-file $data/node$node/ready.json \\"; done
echo "         --chaos kill=10s,pause=30s/4s${namespaces:+,partition=45s/8s}"
echo "Try:   kill -9 ${pids[$count]}        (node$count; it comes back after ten seconds)"
echo "Ctrl-C drains all nodes and stops."

while true; do
  for node in $(seq "$count"); do
    if ! kill -0 "${pids[$node]}" 2>/dev/null; then
      code=0
      wait "${pids[$node]}" || code=$?
      say "node$node has ended (code $code). It is started again in ten seconds."
      sleep 10
      start "$node"
      wait_ready "$node" && say "node$node is back, pid ${pids[$node]}." || true
    fi
  done
  sleep 1
done
