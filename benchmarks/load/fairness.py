#!/usr/bin/env python3
"""fairness.py [--busy SHARE] [--runs N] [--secs N] [--what smtp|pop3|large]   does a loud tenant move a quiet one?

The node has core 0 and the generator core 1. Runs alternate: tenant A at its rate, tenant A at 20 times that, while
tenant B stays as it is: mail for its users, and users of it who look for mail. Prints B's latencies in each run, the
medians and their ratio, and the node's CPU. "pop3": A's users open a mailbox of 100,000 messages
instead of getting mail; "large": they retrieve 30 MiB.
"""
import argparse, os, smtplib, statistics, subprocess
from overload import PROGRAM, ServedNode, percentile, row

QUIET = ("quiet mail", "quiet readers")
WARM = 5  # seconds: programs are compiled
SETTLE = 2  # after each change


def arrivals(rate):
    return {"arrivals": {"process": "poisson", "rate": rate}}


def quiet(rate):
    return [{"kind": "inbound", "name": QUIET[0], "tenant": 2, **arrivals(rate)},
            {"kind": "pop3", "name": QUIET[1], "tenant": 2, "retrieveMax": 1, "delete": 1, **arrivals(rate)}]


def loud(what, rate):
    return ({"kind": "inbound", "name": "loud", "tenant": 1, **arrivals(rate)} if what == "smtp"
            else {"kind": "pop3", "name": "loud", "tenant": 1, "retrieveMax": 1, **arrivals(rate)})


def fill(node, what):
    """The one mailbox of A."""
    address = "user0001@load1.test"
    if what == "pop3":
        with open(node.path("mbox"), "w") as file:
            for number in range(100_000):
                file.write(f"From sender@load.invalid Mon Nov  2 10:00:00 2026\nSubject: {number}\n\nbody\n\n")
        subprocess.run([PROGRAM, "import", "mbox", node.path("mbox"), "--mailbox", address], check=True,
                       stdout=subprocess.DEVNULL, env=dict(
                           os.environ, MAILCLUSTER_ADMIN_URL=f"http://{node.admin}",
                           MAILCLUSTER_ADMIN_TOKEN=open(node.path("data/admin.token")).read().strip()))
    elif what == "large":
        host, port = node.listeners["gateway"][0].split(":")
        with smtplib.SMTP(host, int(port)) as client:
            client.sendmail("sender@load.invalid", [address], "Subject: large\r\n\r\n" + ("x" * 62 + "\r\n") * (30 * 2**14))


def cost(node, client, seconds, users):
    """CPU seconds of one operation."""
    rows, _ = node.load([client], seconds, users=users, tenants=2)
    middle = rows[1:seconds]
    return sum(each["serverCpu"] for each in middle) / max(1, sum(row(each, client["name"])["done"] for each in middle))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--busy", type=float, default=0.6, help="the part of its core that the node needs at 20 times")
    options.add_argument("--quiet", type=float, default=20, help="B's rate, of each of both kinds")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--secs", type=int, default=20)
    options.add_argument("--what", choices=["smtp", "pop3", "large"], default="smtp")
    options.add_argument("--quota", type=float, help="as of overload.py")
    options.add_argument("--config", action="append", default=[], metavar="KEY=VALUE")
    given = options.parse_args()
    users, core = 200 if given.what == "smtp" else 2, given.quota or 1
    with ServedNode([*given.config, "Pop3:MaxConnectionsPerUser=20000"], quota=given.quota) as node:
        b = quiet(given.quiet)
        node.load([loud("smtp", 500 * core), *b], 20, users=users, tenants=2)  # until it is compiled
        fill(node, given.what)
        own = sum(cost(node, client, 8, users) for client in quiet(200 * core)) * given.quiet
        each = cost(node, loud(given.what, {"smtp": 1200, "pop3": 100, "large": 3}[given.what] * core), 8, users)
        rate = (given.busy * core - own) / each / 20
        print(f"CPU seconds per 1000 of A {each * 1000:.2f}; A at {rate:,.1f} and {20 * rate:,.0f} a second; "
              f"B at {given.quiet:g} of each kind, {own:.1%} of a core by itself", flush=True)
        phase = given.secs + SETTLE
        steps = [{"for": f"{seconds}s", "rate": by * rate}
                 for seconds, by in [(WARM, 1), *[(phase, times) for _ in range(given.runs) for times in (1, 20)]]]
        a = loud(given.what, rate)
        a["arrivals"] = {"process": "poisson", "steps": steps}
        rows, end = node.load([a, *b], WARM + 2 * given.runs * phase, users=users, tenants=2)
        found = {1: [], 20: []}
        for run in range(2 * given.runs):
            begin = WARM + run * phase + SETTLE
            seconds, times = rows[begin:begin + given.secs], (1, 20)[run % 2]
            busy = statistics.mean(second["serverCpu"] for second in seconds)
            found[times].append((seconds, busy))
            print(f"A at {times:2} times: node {busy:.0%}, "
                  f"A {sum(row(second, 'loud')['done'] for second in seconds) / given.secs:,.0f} done "
                  f"p99 {percentile(seconds, 'loud', 0.99):.0f} ms; " + "; ".join(
                      f"{name} p50 {percentile(seconds, name, 0.5):.1f} p99 {percentile(seconds, name, 0.99):.1f} ms "
                      f"({sum(row(second, name)['failed'] for second in seconds)} failed)" for name in QUIET), flush=True)
        for name in QUIET:
            for share in (0.5, 0.99):
                once, much = ([percentile(seconds, name, share) for seconds, _ in found[times]] for times in (1, 20))
                # What follows each other shares what else the machine does.
                pairs = [after / before for before, after in zip(once, much)]
                print(f"{name}, p{share * 100:.0f}, medians of {given.runs}: {statistics.median(once):.1f} → "
                      f"{statistics.median(much):.1f} ms, ratio {statistics.median(much) / statistics.median(once):.2f}; "
                      f"of each two that follow each other {statistics.median(pairs):.2f} ({min(pairs):.2f} to {max(pairs):.2f})")
        print("node busy, medians: " + ", ".join(
            f"{statistics.median(busy for _, busy in found[times]):.0%} at {times} times" for times in (1, 20)))
        for bottleneck in end["bottlenecks"]:
            print("  generator:", bottleneck)


if __name__ == "__main__":
    main()
