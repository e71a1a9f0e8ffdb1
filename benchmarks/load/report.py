#!/usr/bin/env python3
"""report.py RESULTS.jsonl DOCUMENT   writes the comparison between the markers of DOCUMENT.

A figure is the median of the runs that were not disturbed (see "noisy" in bench.py), or of all when all were.
Machines differ, and one machine from day to day, by up to a factor of two. So each target stands beside
what Postfix + Dovecot cost where it was set, and is looked at both ways: as a figure, and as a ratio to them in this run.
"""
import json, statistics, sys

PEER, OURS = "postfix-dovecot", "mailcluster"
BEGIN, END = "<!-- begin: written by benchmarks/compare.sh -->", "<!-- end: written by benchmarks/compare.sh -->"
CPU, RATE, MEMORY = "cpu_s_per_1000", "delivered_per_s", "mem_available_per_conn_kib"

# title, how to pick the runs, what to show, unit, what is to be reached, where the peers were then, bigger is better
ROWS = [
    ("SMTP 1 KiB, 20 sessions, into the mailbox", dict(case="smtp", size=1024), CPU, "CPU-s per 1000", 0.28, 5.7, False),
    ("the same", dict(case="smtp", size=1024), RATE, "messages/s on one core", 2500, 150, True),
    ("the same, the first 1000 messages after a start", dict(case="smtp", size=1024, first=1), CPU, "CPU-s per 1000", None, None, False),
    ("SMTP 16 KiB, 20 sessions", dict(case="smtp", size=16384), CPU, "CPU-s per 1000", 0.5, 5.9, False),
    ("the same", dict(case="smtp", size=16384), RATE, "messages/s on one core", None, None, True),
    ("SMTP 1 MiB, 10 sessions", dict(case="smtp", size=1048576), CPU, "CPU-s per 1000", 9, 28, False),
    ("SMTP 16 KiB, STARTTLS, one message per session", dict(case="smtp-starttls"), CPU, "CPU-s per 1000", 2.5, 10, False),
    ("POP3: 50 messages (512 KiB) read, 8 clients", dict(case="pop3-retr-all"), CPU, "CPU-s per 1000 sessions", 1.6, 8.1, False),
    ("the same", dict(case="pop3-retr-all"), "sessions_per_s", "sessions/s on one core", None, None, True),
    ("the same, the first 600 sessions after a start", dict(case="pop3-retr-all", first=1), CPU, "CPU-s per 1000 sessions", None, None, False),
    ("POP3: login, STAT, QUIT", dict(case="pop3-login-stat"), CPU, "CPU-s per 1000 sessions", 0.2, 1.4, False),
    ("POP3: login, STAT, QUIT under TLS", dict(case="pop3s-login-stat"), CPU, "CPU-s per 1000 sessions", 1.2, 3.0, False),
    ("idle POP3 connection before login", dict(case="idle", proto="pop3", depth="connect", tls=0), "pss_per_conn_kib", "KiB of process memory", 6, None, False),
    ("idle POP3 connection, logged in", dict(case="idle", proto="pop3", depth="auth", tls=0), "pss_per_conn_kib", "KiB of process memory", 8, None, False),
    ("idle SMTP connection", dict(case="idle", proto="smtp", depth="connect", tls=0), "pss_per_conn_kib", "KiB of process memory", 6, None, False),
    ("idle POP3 connection under TLS, before login", dict(case="idle", proto="pop3", depth="connect", tls=1), "pss_per_conn_kib", "KiB of process memory", 40, None, False),
    ("the same, with the kernel's and the driver's share", dict(case="idle", proto="pop3", depth="connect", tls=1), MEMORY, "KiB of the machine's memory", None, None, False),
]


def median(records, target, pick, key):
    found = [r for r in records if r["target"] == target and key in r and r.get("first") == pick.get("first") and all(r.get(k) == v for k, v in pick.items())]
    calm = [r for r in found if not r.get("noisy")] or found
    return (statistics.median(r[key] for r in calm), len(calm)) if calm else (None, 0)


def show(x):
    return "" if x is None else f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def times(x):
    return "" if x is None else f"{x:.1f}×"


def reached(met):
    """In both ways, in one, or in none."""
    return ("" if not met else "yes" if all(met.values()) else "**no**" if not any(met.values())
            else "by the " + next(way for way in met if met[way]))


def main():
    records = [json.loads(line) for name in sys.argv[1:-1] for line in open(name)]
    failed = [r for r in records if r["target"] == OURS and (r.get("failed") or r.get("failed_procs") or r.get("missing"))]
    out = ["| work | unit | Postfix + Dovecot | MailCluster | ratio | to reach: figure, ratio | reached |",
           "|---|---|---|---|---|---|---|"]
    for title, pick, key, unit, target, then, bigger in ROWS:
        peer, n = median(records, PEER, pick, key)
        ours, m = median(records, OURS, pick, key)
        if ours is None:
            continue
        ratio = None if not peer else ours / peer if bigger else peer / ours
        wanted = None if then is None else target / then if bigger else then / target
        met = {"figure": ours >= target if bigger else ours <= target} if target is not None else {}
        if ratio is not None and wanted is not None:
            met["ratio"] = ratio >= wanted
        out.append(f"| {title} | {unit} | {show(peer)} | {show(ours)} | {times(ratio)} "
                   f"| {', '.join(part for part in (show(target), times(wanted)) if part)} | {reached(met)} |")
    for r in records:
        if r["case"] == "idle" and r["target"] == OURS and r["held"] >= 10000:
            out.append(f"| {r['held']:,} idle {r['proto'].upper()} connections at once | held to the end |  | {r['still_held']:,} |  | 10,000 | {'yes' if r['still_held'] >= 10000 else '**no**'} |")
    start = [r for r in records if r["case"] == "started"]
    for r in start[:1]:
        out.append(f"| the started program, idle | MiB of process memory | 33 | {show(r['pss_kib'] / 1024)} |  | 80 | {'yes' if r['pss_kib'] <= 80 * 1024 else '**no**'} |")
    days = sorted({r["at"][:10] for r in records})
    noisy = sum(1 for r in records if r.get("noisy"))
    out += ["", f"Taken on {days[-1]}, {len(records)} runs, of which {noisy} were disturbed by other work on the machine"
            + (" and are left aside where a calm one exists." if noisy else "."),
            f"Runs of MailCluster with a message or a session that failed: {len(failed)}."]
    path = sys.argv[-1]
    text = open(path).read()
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    open(path, "w").write(head + BEGIN + "\n\n" + "\n".join(out) + "\n\n" + END + tail)
    print("\n".join(out))


main()
