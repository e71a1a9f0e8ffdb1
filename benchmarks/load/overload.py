#!/usr/bin/env python3
"""overload.py [--quota PART] [--rate N] [--who strangers|all] [--phase SECONDS] [--turns N] [--config KEY=VALUE ...]

A step from what a node can do to three times that and back, with the node on core 0 and the generator on core 1.
Strangers send mail, users submit mail and look for mail, each with a connection of their own, half of them under TLS.
"strangers": only strangers grow, until all together are three times the capacity; "all": everybody comes three times
as often. Prints for each phase what was done and refused and how long that took, how long it took until all was as
before, and the greatest resident set. Without --rate the capacity is found by short steps. Then the capacity and
three times that follow each other in turns, since a machine that others share is not as fast in one minute as in the
next: the median of what was done at three times, as a part of what was done just before, is the result.
"""
import argparse, json, os, re, shutil, signal, statistics, subprocess, tempfile, threading, time, urllib.request
from node import HZ

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.normpath(os.path.join(HERE, "../.."))
PROGRAM = os.path.join(TREE, "src/Frontend/bin/Release/net10.0/mailcluster")
SHARES = {"strangers": 0.6, "submitters": 0.2, "readers": 0.2}
LIMITS = {"MaxInboundConnections": 20000, "MessageRateLimit": 100000000}


def configuration():
    """Default limits, but for those that count connections: that the node is busy is to be what holds it back."""
    def binding(name, role, tls):
        return {"Name": name, "Role": role, "Endpoint": "127.0.0.1:0", "Tls": tls, **LIMITS}
    return {"MailCluster": {
        "Node": {"Name": "bench"},
        "Smtp": {"Bindings": [binding("gateway", "Gateway", "StartTls"), binding("submission", "Submission", "StartTls"),
                              binding("submissions", "Submission", "Implicit")]},
        "Pop3": {"Bindings": [{"Name": "pop3", "Endpoint": "127.0.0.1:0", "Tls": "StartTls"},
                              {"Name": "pop3s", "Endpoint": "127.0.0.1:0", "Tls": "Implicit"}],
                 "LoginType": "PlainTextLogin", "MaxConnections": 20000, "MaxConnectionFromSingleIP": 20000},
        "Http": {"Endpoint": "127.0.0.1:0"}}}


class Share:
    """A control group whose processes get a part of a core, and that before others; None: as they are."""
    ROOT = "/sys/fs/cgroup/cpu" if os.path.exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") else "/sys/fs/cgroup"

    def __init__(self, name, quota):
        self.path = None
        if quota is None:
            return
        self.path = os.path.join(self.ROOT, f"mailcluster-bench-{name}-{os.getpid()}")
        os.makedirs(self.path)
        # In short turns, or a hundredth of a second would be the least that anything takes.
        if os.path.exists(os.path.join(self.path, "cpu.cfs_quota_us")):
            self.set("cpu.cfs_period_us", 5000)
            self.set("cpu.cfs_quota_us", -1 if quota >= 1 else int(5000 * quota))
            self.set("cpu.shares", 8192)
        else:
            self.set("cpu.max", "max" if quota >= 1 else f"{int(5000 * quota)} 5000")
            self.set("cpu.weight", 1000)

    def set(self, name, value):
        with open(os.path.join(self.path, name), "w") as file:
            file.write(str(value))

    def enter(self):
        if self.path:
            self.set("cgroup.procs", os.getpid())

    def remove(self):
        if self.path:
            os.rmdir(self.path)


class ServedNode:
    """The program with a configuration, on core 0, with a part of it."""

    def __init__(self, settings=(), core=0, conf=None, quota=None):
        self.share, self.others = Share("node", quota), Share("load", 1 if quota else None)
        self.directory = tempfile.mkdtemp(prefix="mailcluster-bench-", dir=os.environ.get("BENCH_DIRECTORY", "/var/tmp"))
        self.ready = self.path("ready")
        self.has_users = False
        with open(self.path("conf.json"), "w") as file:
            json.dump(conf or configuration(), file)
        environment = dict(os.environ, MailCluster__Node__DataDirectory=self.path("data"))
        for setting in settings:
            key, value = setting.split("=", 1)
            environment["MailCluster__" + key.replace(":", "__")] = value
        pin = [] if core is None else ["taskset", "-c", str(core)]
        self.process = subprocess.Popen(
            [*pin, PROGRAM, "serve", "--config", self.path("conf.json"), "--ready-file", self.ready], env=environment,
            stdout=open(self.path("log"), "w"), stderr=subprocess.STDOUT, preexec_fn=self.share.enter)
        while not os.path.exists(self.ready):
            if self.process.poll() is not None:
                raise SystemExit(open(self.path("log")).read())
            time.sleep(0.1)
        self.listeners = json.load(open(self.ready))["listeners"]
        self.admin = self.listeners["http"][0]

    def path(self, name):
        return os.path.join(self.directory, name)

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / HZ

    def peak(self):
        """Greatest resident set so far, in MiB."""
        return int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{self.process.pid}/status").read())[1]) / 1024

    def metrics(self):
        return urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=30).read().decode()

    def counters(self, name):
        """Labels → value of every series of a counter."""
        return {labels: float(value) for labels, value
                in re.findall(rf"^{name}(?:_total)?\{{(.*?)\}} (\S+)", self.metrics(), re.M)}

    def load(self, clients, seconds, users=1000, tenants=10, seed=1, check=False, core=1):
        """Plays clients for some time; the rows of its seconds, and its end."""
        scenario = {
            "name": "bench", "duration": f"{seconds}s", "check": check, "seed": seed,
            "targets": [{"smtp": "127.0.0.1:1", "submission": "127.0.0.1:1", "submissions": "127.0.0.1:1",
                         "pop3": "127.0.0.1:1", "pop3s": "127.0.0.1:1", "admin": "http://127.0.0.1:1"}],
            "users": {"count": users, "tenants": tenants, "password": "correct horse battery", "make": not self.has_users},
            "sources": {"addresses": 2000},
            "sizes": {"histogram": [[4096, 1]]}, "clients": clients}
        with open(self.path("scenario.json"), "w") as file:
            json.dump(scenario, file)
        run = subprocess.run(
            ["taskset", "-c", str(core), PROGRAM, "load", self.path("scenario.json"), "--json", "--ready-file", self.ready,
             "--ledger", tempfile.mktemp(prefix="ledger-", dir=self.directory),
             "--token-file", self.path("data/admin.token")],
            capture_output=True, text=True, check=False, preexec_fn=self.others.enter)
        lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
        if not lines or lines[-1]["kind"] != "end":
            raise SystemExit(run.stdout[-2000:] + run.stderr[-2000:])
        self.has_users = True
        return [line for line in lines if line["kind"] == "second"], lines[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
        shutil.rmtree(self.directory)
        self.share.remove()
        self.others.remove()


def plans(steps):
    """Clients whose rates follow (seconds, strangers, submitters, readers)."""
    def client(kind, name, column, **more):
        return {"kind": kind, "name": name, **more, "arrivals": {"process": "poisson", "steps": [
            {"for": f"{step[0]}s", "rate": max(step[column], 0.001)} for step in steps]}}
    return [client("inbound", "strangers", 1, tls=0.5), client("submission", "submitters", 2, tls=1),
            client("pop3", "readers", 3, tls=0.5, retrieveMax=2, delete=1)]


def mix(rate):
    return [rate * SHARES[name] for name in SHARES]


def row(second, name):
    return next(client for client in second["clients"] if client["client"] == name)


def percentile(seconds, name, share):
    """Milliseconds that a share of what a client did in these seconds took at most."""
    found = sorted(tuple(each) for second in seconds for each in row(second, name)["latencies"])
    wanted, seen = share * sum(count for _, count in found), 0
    for milliseconds, count in found:
        seen += count
        if seen >= wanted:
            return milliseconds
    return 0


def done(second, costs):
    """Work of a second that was of use, in seconds of the node's processor."""
    return sum(row(second, name)["done"] * costs[name] for name in SHARES)


def costs_of(node, seconds):
    """CPU seconds of one operation of each kind, alone and at a rate that is no trouble; of two turns."""
    spent, count = dict.fromkeys(SHARES, 0), dict.fromkeys(SHARES, 0)
    for turn in range(3):
        for column, name in enumerate(SHARES):
            rows, _ = node.load(plans([(seconds, *[200 if column == other else 0 for other in range(3)])]), seconds)
            if turn > 0:  # passwords are derived once
                middle = rows[1:seconds]
                spent[name] += sum(each["serverCpu"] for each in middle)
                count[name] += sum(row(each, name)["done"] for each in middle)
    return {name: spent[name] / max(1, count[name]) for name in SHARES}


def capacity(node, costs, seconds, part):
    """The rate of the mix that is still done, by steps of a tenth."""
    per_second = sum(SHARES[name] * costs[name] for name in SHARES)
    rate, best, fails = 0.6 * part / per_second, 0, 0
    while True:
        seconds_, end = node.load(plans([(seconds, *mix(rate))]), seconds)
        middle = seconds_[1:seconds]
        got = sum(row(second, name)["done"] for second in middle for name in SHARES) / len(middle)
        late = max(row(end, name)["p99"] for name in SHARES)
        print(f"  {rate:,.0f} a second: {got:,.0f} done, p99 {late:,.0f} ms", flush=True)
        best = max(best, got)
        fails = fails + 1 if got < 0.93 * rate else 0  # one can be somebody else's fault
        if fails == 2:
            return best
        rate *= 1 if fails else 1.12


class Peak(threading.Thread):
    """Resident set, each tenth of a second."""

    def __init__(self, node):
        super().__init__(daemon=True)
        self.node, self.rows, self.going = node, [], True

    def run(self):
        while self.going:
            try:
                pages = int(open(f"/proc/{self.node.process.pid}/statm").read().split()[1])
            except OSError:
                return
            self.rows.append(pages * 4096 / 2**20)
            time.sleep(0.1)


def show(name, seconds, costs):
    print(f"{name}: work of use {statistics.mean(done(second, costs) for second in seconds):.3f} of a core, "
          f"{max(second['connections'] for second in seconds):,} connections at most")
    for client in SHARES:
        rows = [row(second, client) for second in seconds]
        refused = sum(each.get("refused", 0) for each in rows)
        times = sorted(each["refusedP99"] for each in rows if each.get("refused"))
        print(f"  {client:11}: {sum(each['arrived'] for each in rows) / len(rows):7,.0f} came, "
              f"{sum(each['done'] for each in rows) / len(rows):7,.0f} done, p50 {percentile(seconds, client, 0.5):6,.0f}, "
              f"p99 {percentile(seconds, client, 0.99):7,.0f} ms (worst second {max(each['p99'] for each in rows):,.0f})"
              + (f"; {refused / len(rows):,.0f} refused, p99 {statistics.median(times):.0f} ms "
                 f"(worst second {times[-1]:.0f}, longest {max(each['refusedMax'] for each in rows):.0f})" if times else "")
              + f"; {(sum(each['failed'] for each in rows) - refused) / len(rows):,.0f} failed otherwise")


def recovery(before, after, costs):
    """Seconds until three in a row are as those before the step: work, and p99 within twice what it was."""
    work = statistics.median(done(second, costs) for second in before)
    late = {name: max(50, 2 * statistics.median(row(second, name)["p99"] for second in before)) for name in SHARES}
    good = [done(second, costs) >= 0.9 * work and all(row(second, name)["p99"] <= late[name] for name in SHARES)
            and all(row(second, name).get("refused", 0) <= 0.01 * row(second, name)["arrived"] + 1 for name in SHARES)
            for second in after]
    return next((index for index in range(len(good) - 2) if all(good[index:index + 3])), None)


def compare(node, once, much, costs, given):
    """Capacity and three times that in turns: work of use, and that for each second of the processor."""
    length = given.phase // 2
    seconds, _ = node.load(plans([(length, *step) for _ in range(given.turns) for step in (once, much)]),
                           2 * given.turns * length)
    parts, worth = [], []
    for turn in range(given.turns):
        first, second = (seconds[begin + 2:begin + length] for begin in (2 * turn * length, (2 * turn + 1) * length))
        was, now = (statistics.mean(done(each, costs) for each in rows) for rows in (first, second))
        spent, spent_now = (statistics.mean(each["serverCpu"] for each in rows) for rows in (first, second))
        parts.append(now / was)
        worth.append(now / spent_now / (was / spent))
        print(f"turn {turn + 1}: work of use {was:.3f} → {now:.3f} of a core, processor {spent:.2f} → {spent_now:.2f}")
    print(f"work of use at {given.times:g} times, of that just before, median of {given.turns}: {statistics.median(parts):.0%} "
          f"({min(parts):.0%} to {max(parts):.0%}); for each second of the processor {statistics.median(worth):.0%}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rate", type=float, help="the capacity, in operations of the mix per second")
    options.add_argument("--who", choices=["strangers", "all"], default="strangers")
    options.add_argument("--phase", type=int, default=30)
    options.add_argument("--turns", type=int, default=5)
    options.add_argument("--times", type=float, default=3)
    options.add_argument("--config", action="append", default=[], metavar="KEY=VALUE")
    options.add_argument("--quota", type=float, help="the part of core 0 that the node may use: 0.5 leaves the generator "
                         "room for three times that, and what else the machine does has less of a say (as root)")
    options.add_argument("--rows", action="store_true", help="prints each second")
    given = options.parse_args()
    with ServedNode(given.config, quota=given.quota) as node:
        node.load(plans([(40, *mix(600 * (given.quota or 1)))]), 40)  # until it is compiled
        costs = costs_of(node, 6)
        print("CPU seconds per 1000:", ", ".join(f"{name} {cost * 1000:.2f}" for name, cost in costs.items()))
        rate = given.rate or capacity(node, costs, 6, given.quota or 1)
        print(f"capacity: {rate:,.0f} a second")
        calm, users = mix(0.85 * rate), mix(rate)[1:]
        much = mix(given.times * rate) if given.who == "all" else [given.times * rate - sum(users), *users]
        watch, cpu, since = Peak(node), node.cpu(), time.time()
        watch.start()
        phase = given.phase
        seconds, end = node.load(plans([(phase, *calm), (phase, *much), (phase, *calm)]), 3 * phase)
        watch.going = False
        cpu = (node.cpu() - cpu) / (time.time() - since)
        if given.rows:
            for second in seconds:
                print(f"{second['at']:5.0f} {second['connections']:6} busy {second['busy']:.2f} lag {second['lag']:.0f} "
                      f"cpu {second.get('serverCpu', 0):.2f} " + "  ".join(
                          f"{name} {one['arrived']}/{one['done']}/{one['refused']} {one['p50']:.0f}/{one['p99']:.0f}/{one['refusedP99']:.0f}"
                          for name, one in ((name, row(second, name)) for name in SHARES)))
        first, second, third = seconds[2:phase], seconds[phase + 2:2 * phase], seconds[2 * phase:3 * phase]
        show("once", first, costs)
        show(f"{given.times:g} times", second, costs)
        show("once again", third, costs)
        print(f"recovered after {recovery(first, third, costs)} s; resident set at most {max(watch.rows):.0f} MiB "
              f"(before: {watch.rows[0]:.0f}); {cpu:.0%} of a core over the run")
        for reason in end["reasons"]:
            print(f"  {reason['client']} {reason['stage']} {reason['reason']}: {reason['count']}")
        compare(node, mix(rate), much, costs, given)
        for name in ("mailcluster_edge_connections_shed", "mailcluster_edge_connections_refused"):
            for labels, value in node.counters(name).items():
                print(f"  {name}{{{labels}}} {value:.0f}")
        for bottleneck in end["bottlenecks"]:
            print("  generator:", bottleneck)


if __name__ == "__main__":
    main()
