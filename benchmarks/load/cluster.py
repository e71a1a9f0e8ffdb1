#!/usr/bin/env python3
"""cluster.py cost|failover|drain [--nodes N] [--runs R]   a cluster on a PostgreSQL of its own, on this machine.

cost       CPU seconds per 1000 messages of 1 KiB, all processes of the program and of PostgreSQL counted
failover   kill -9 of a node: how long until each of 200 mailboxes answers again
drain      SIGTERM of a node while mailboxes are opened without a pause: the longest that one did not answer

The program has to be built (dotnet build -c Release); root, or a user that PostgreSQL runs as.
"""
import argparse, concurrent.futures, glob, json, os, poplib, re, shutil, signal, socket, statistics, subprocess, tempfile, threading, time
from node import HZ, build_driver, mload

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "../../src/Frontend/bin/Release/net10.0/mailcluster")
USERS = 200


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_of(pid):
    try:
        fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / HZ
    except OSError:
        return 0.0


class Cluster:
    def __init__(self, nodes):
        self.directory = tempfile.mkdtemp(prefix="mailcluster-bench-", dir="/var/tmp")
        os.chmod(self.directory, 0o755)
        self.bin = os.path.dirname(sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1])
        self.user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        self.data = os.path.join(self.directory, "postgresql")
        os.mkdir(self.data)
        if self.user:
            shutil.chown(self.data, "postgres")
        self.port = free_port()
        self.pg("initdb", "-D", self.data, "-U", "mailcluster", "-A", "trust", "-E", "UTF8", "--no-locale")
        self.pg("pg_ctl", "-D", self.data, "-w", "-s", "-l", os.path.join(self.data, "log"), "-o",
                f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.data} -c max_connections=300"
                " -c shared_buffers=256MB", "start")
        self.pg("psql", "-qh", "127.0.0.1", "-p", str(self.port), "-U", "mailcluster", "-d", "postgres", "-c",
                "CREATE DATABASE mailcluster")
        self.postmaster = int(open(os.path.join(self.data, "postmaster.pid")).readline())
        self.nodes = {}
        for number in range(1, nodes + 1):
            self.start(number)

    def pg(self, program, *arguments):
        subprocess.run([*self.user, os.path.join(self.bin, program), *arguments], check=True, stdout=subprocess.DEVNULL)

    def start(self, number):
        place = os.path.join(self.directory, f"node{number}")
        os.makedirs(place, exist_ok=True)
        text = re.sub(r"^\s*//.*$", "", open(os.path.join(HERE, "../bench.json")).read(), flags=re.M)
        text = text.replace("127.0.0.1:14", f"127.0.0.{number}:14")
        config = json.loads(text)
        own = config["MailCluster"]
        own["Node"] = {"Name": f"bench{number}", "DataDirectory": place}
        own["Store"] = {"Kind": "PostgreSql", "ConnectionString":
                        f"Host=127.0.0.1;Port={self.port};Database=mailcluster;Username=mailcluster"}
        own["Cluster"] = {"Endpoint": f"127.0.0.{number}:14700"}
        own["Pop3"]["MaxConnectionsPerUser"] = None
        own["Http"]["AdminTokenFile"] = os.path.join(self.directory, "admin.token")
        own["BackPressure"] = {"MinFreeDisk": 0}
        path = os.path.join(place, "mailcluster.json")
        json.dump(config, open(path, "w"))
        ready = os.path.join(place, "ready")
        if os.path.exists(ready):
            os.unlink(ready)
        process = subprocess.Popen(
            [PROGRAM, "serve", "--config", path, "--ready-file", ready, *(["--seed-users", str(USERS)] if number == 1 else [])],
            stdout=open(os.path.join(place, "log"), "a"), stderr=subprocess.STDOUT)
        while not os.path.exists(ready):
            if process.poll() is not None:
                raise SystemExit(open(os.path.join(place, "log")).read())
            time.sleep(0.05)
        self.nodes[number] = process
        self.balance(number)

    def status(self, via):
        out = subprocess.run(
            [PROGRAM, "cluster", "status", "--json", "--url", f"http://127.0.0.{via}:14080", "--token-file",
             os.path.join(self.directory, "admin.token")], check=True, capture_output=True, text=True).stdout
        return json.loads(out)

    def balance(self, via):
        while True:
            shares = [node["shards"] for node in self.status(via)["nodes"] if node["state"] == "up"]
            running = sum(process.poll() is None for process in self.nodes.values())
            if sum(shares) == 1024 and len(shares) == running and max(shares) - min(shares) <= 1:
                return
            time.sleep(0.1)

    def cpu(self):
        backends = subprocess.run(["pgrep", "-P", str(self.postmaster)], capture_output=True, text=True).stdout.split()
        # Of backends that have ended the postmaster knows (its children's time).
        return sum(cpu_of(process.pid) for process in self.nodes.values()) + sum(map(cpu_of, [self.postmaster, *backends]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.nodes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.nodes.values():
            process.wait(60)
        self.pg("pg_ctl", "-D", self.data, "-s", "-m", "fast", "stop")
        shutil.rmtree(self.directory)


def opens(number, user):
    """True: the mailbox was opened through this node."""
    try:
        pop3 = poplib.POP3(f"127.0.0.{number}", 14110, timeout=30)
        try:
            pop3.user(f"user{user:04d}@example.test")
            pop3.pass_(f"pass{user:04d}")
            pop3.stat()
            return True
        finally:
            pop3.close()
    except (poplib.error_proto, OSError):
        return False


def cost(cluster, nodes, runs):
    build_driver()
    for run in range(runs):
        for is_warm in (False, True):
            before = cluster.cpu()
            for number in range(1, nodes + 1):
                mload("smtp", "-h", f"127.0.0.{number}", "-p", 14525, "-U", USERS, "-c", 20, "-n", 20, "-m", 1000, "-s", 1024)
            time.sleep(1)
            spent = (cluster.cpu() - before) / (20 * nodes)
        print(f"run {run + 1}: {nodes} nodes, {spent:.3f} CPU seconds per 1000 messages of 1 KiB", flush=True)


def failover(cluster, nodes, runs):
    for run in range(runs):
        victim = nodes - run % nodes
        others = [number for number in range(1, nodes + 1) if number != victim]
        for user in range(1, USERS + 1):
            assert opens(others[user % len(others)], user)
        cluster.nodes[victim].kill()
        killed = time.monotonic()

        def until_open(user):
            while not opens(others[user % len(others)], user):
                time.sleep(0.02)
            return time.monotonic() - killed

        with concurrent.futures.ThreadPoolExecutor(USERS) as pool:
            times = sorted(pool.map(until_open, range(1, USERS + 1)))
        cluster.nodes[victim].wait()
        print(f"run {run + 1}: kill -9 of one of {nodes}: mailboxes answer again after p50 {times[len(times) // 2]:.2f} s, "
              f"p99 {times[int(len(times) * 0.99)]:.2f} s, last {times[-1]:.2f} s", flush=True)
        cluster.start(victim)


def drain(cluster, nodes, runs):
    for run in range(runs):
        victim = nodes - run % nodes
        others = [number for number in range(1, nodes + 1) if number != victim]
        stop, longest, failed, done = threading.Event(), [0.0], [0], [0]

        def visit(first):
            user = first
            while not stop.is_set():
                since = time.monotonic()
                while not opens(others[user % len(others)], user):
                    failed[0] += 1
                longest[0] = max(longest[0], time.monotonic() - since)
                done[0] += 1
                user = user % USERS + 1

        threads = [threading.Thread(target=visit, args=(1 + index * 25,)) for index in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        usual, longest[0] = longest[0], 0.0
        cluster.nodes[victim].send_signal(signal.SIGTERM)
        cluster.nodes[victim].wait()
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join()
        print(f"run {run + 1}: drain of one of {nodes}: the longest opening {longest[0] * 1000:.0f} ms "
              f"(before: {usual * 1000:.0f} ms), {failed[0]} of {done[0]} failed", flush=True)
        cluster.start(victim)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("what", choices=["cost", "failover", "drain"])
    options.add_argument("--nodes", type=int, default=3)
    options.add_argument("--runs", type=int, default=3)
    given = options.parse_args()
    with Cluster(given.nodes) as cluster:
        {"cost": cost, "failover": failover, "drain": drain}[given.what](cluster, given.nodes, given.runs)


if __name__ == "__main__":
    main()
