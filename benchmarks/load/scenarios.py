#!/usr/bin/env python3
"""scenarios.py run TARGET.json --out FILE [--runs N] [--quick]   "mailcluster load" with the scenarios/compare-*.json
scenarios.py report FILE DOCUMENT                                 writes what FILE holds between the markers of DOCUMENT

The same open-loop scenarios, with the same seed, against whatever TARGET.json names (targets/): accounts have to be there, and
its processes have to run in its control group (cgrun.sh, peers/up.sh). A run ends when the server has nothing left to do, so
its processor time includes the way into the mailboxes; then every mailbox is compared with the ledger, which is not counted.
"""
import argparse, datetime, json, os, re, signal, statistics, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")
PROGRAM = os.path.join(ROOT, "src/Frontend/bin/Release/net10.0/mailcluster")
CORE = os.environ.get("DRIVER_CORE", "1")
HZ = os.sysconf("SC_CLK_TCK")
SETTLING = "120s"
SCENARIOS = ["compare-inbound", "compare-readers", "compare-mixed"]
CEILING = "compare-ceiling"
PEER, OURS = "postfix-dovecot", "mailcluster"
BEGIN, END = "<!-- begin: written by benchmarks/load/scenarios.py -->", "<!-- end: written by benchmarks/load/scenarios.py -->"


def busy():
    """Seconds that all processors worked, and seconds that the hypervisor took."""
    fields = [int(x) / HZ for x in open("/proc/stat").readline().split()[1:9]]
    return sum(fields) - fields[3] - fields[4] - fields[7], fields[7]


class Run:
    def __init__(self, target, folder, scenario, *options):
        self.target, self.scenario = target, scenario
        self.ready = os.path.join(folder, "ready")
        self.ledger = os.path.join(folder, f"{scenario}.ledger")
        places = {"gateway": "smtp", "pop3": "pop3", "pop3s": "pop3s"}
        json.dump({"pid": 1, "listeners": {binding: [f"{target['host']}:{target[key]}"] for binding, key in places.items()}},
                  open(self.ready, "w"))
        if os.path.exists(self.ledger):
            os.unlink(self.ledger)
        pin = ["taskset", "-c", CORE] if CORE else []
        self.command = [*pin, PROGRAM, "load", "--ready-file", self.ready, "--settling", SETTLING, "--json"]
        self.process = subprocess.Popen(
            [*self.command, os.path.join(ROOT, "scenarios", f"{scenario}.json"), "--ledger", self.ledger, "--cgroup", target["cgroup"],
             *options], stdout=subprocess.PIPE, text=True)
        self.seconds, self.end = [], None

    def __iter__(self):
        """Each second as it ends; the last line is kept."""
        first = None
        for line in self.process.stdout:
            row = json.loads(line)
            if row["kind"] == "second":
                now = busy()
                first = first or now
                self.seconds.append(row)
                yield row
                self.others = (now[0] - first[0] - sum(r["busy"] + r.get("serverCpu", 0) for r in self.seconds[1:]), now[1] - first[1])
            elif row["kind"] == "end":
                self.end = row
        code = self.process.wait()
        if self.end is None:
            raise SystemExit(f"{self.scenario} against {self.target['name']} ended with {code}")

    def record(self, **more):
        others, stolen = self.others
        wall = max(1, len(self.seconds) - 1)
        return {"target": self.target["name"], "scenario": self.scenario,
                "at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "run_s": len(self.seconds),
                "noisy": int(others > 0.25 * wall or stolen > 0.1 * wall), "other_cpu_s": round(max(0, others), 2),
                "bottlenecks": self.end["bottlenecks"], **more}


def emit(record, out):
    line = json.dumps(record)
    print(line, flush=True)
    open(out, "a").write(line + "\n")


def measure(target, folder, scenario, out, options):
    run = Run(target, folder, scenario, *options)
    for _ in run:
        pass
    if out is None:
        return
    clients = {row["client"]: row for row in run.end["clients"]}
    done = sum(row["done"] for name, row in clients.items() if name != "holders")
    memory = [row["serverMemory"] for row in run.seconds if row.get("serverMemory")]
    emit(run.record(
        clients=clients, operations=done, cpu_s=run.end["serverCpuSeconds"], rest_s=run.end["rest"],
        cpu_s_per_1000=round(run.end["serverCpuSeconds"] * 1000 / max(1, done), 4),
        memory_mib=round(max(memory) / 1048576, 1) if memory else None, reasons=run.end["reasons"],
        verdict=run.end["verdict"]), out)


def ceiling(target, folder, out, options):
    """The last step on which less than half a second of arrivals waits at its end, and the first on which it is more."""
    text = open(os.path.join(ROOT, "scenarios", f"{CEILING}.json")).read()
    ladder = [float(rate) for rate in re.findall(r'"for": "5s", "rate": ([\d.]+)', text)]
    length = {"--duration": float(options[options.index("--duration") + 1].rstrip("s"))} if options else {"--duration": 60.0}
    step = length["--duration"] / len(ladder)
    run = Run(target, folder, CEILING, *options)
    at, held, lost, steps = 0, None, None, []
    for row in run:
        if lost is not None or at >= len(ladder):
            continue
        relays = row["clients"][0]
        ends = row["at"] >= (at + 1) * step - 0.2
        if relays["open"] > ladder[at] * (0.5 if ends else 1.5):
            lost = ladder[at]
            run.process.send_signal(signal.SIGINT)  # it ends what is open, then says what it measured
        elif ends:
            held = ladder[at]
            steps.append({"rate": ladder[at], "p50": relays["p50"], "p99": relays["p99"], "server": row.get("serverCpu")})
            at += 1
    check = subprocess.run([*run.command, "--check", run.ledger], stdout=subprocess.PIPE, text=True)
    verdict = json.loads(check.stdout.splitlines()[-1])
    emit(run.record(held=held, lost=lost, steps=steps, verdict=verdict), out)


def run(given):
    target = json.load(open(given.file))
    with tempfile.TemporaryDirectory(prefix="mailcluster-scenarios-", dir="/var/tmp") as folder:
        short = ["--duration", "6s"]
        # What a program does only once, as compiling itself, is not what it is compared by.
        for scenario in SCENARIOS:
            measure(target, folder, scenario, None, [*short, "--rate", "2"])
        for number in range(given.runs):
            for scenario in SCENARIOS:
                measure(target, folder, scenario, given.out, ["--seed", str(number + 1), *(short if given.quick else [])])
        ceiling(target, folder, given.out, ["--duration", "24s"] if given.quick else [])


TITLES = {"compare-inbound": "mail in: 60 a second on kept connections, 20 a second on their own",
          "compare-readers": "60 POP3 sessions a second, ten messages read in each",
          "compare-mixed": "45 messages in and 30 sessions a second that read and remove, 100 connections idle"}
WORDS = {"relays": "message of a relay", "strangers": "message of a stranger, connection and all", "readers": "POP3 session"}


def show(x):
    return "" if x is None else f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def rows(records):
    def of(target, scenario):
        found = [r for r in records if r["target"] == target and r["scenario"] == scenario]
        return [r for r in found if not r["noisy"]] or found

    def line(title, unit, scenario, value, bigger=False):
        peer, ours = ([value(r) for r in of(target, scenario) if value(r) is not None] for target in (PEER, OURS))
        peer, ours = (statistics.median(each) if each else None for each in (peer, ours))
        ratio = "" if not peer or not ours else f"{(ours / peer if bigger else peer / ours):.1f}×"
        return f"| {title} | {unit} | {show(peer)} | {show(ours)} | {ratio} |"

    out = []
    for scenario, title in TITLES.items():
        out.append(line(f"**{title}**: CPU", "CPU-s per 1000 messages and sessions", scenario, lambda r: r["cpu_s_per_1000"]))
        names = [name for name in WORDS if any(name in r["clients"] for r in of(OURS, scenario) + of(PEER, scenario))]
        for name in names:
            out.append(line(WORDS[name], "done a second", scenario,
                            lambda r: r["clients"][name]["done"] / r["run_s"], bigger=True).rsplit("|", 2)[0] + "| |")
            for key, text in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9")):
                out.append(line(f"the same, {text}", "ms", scenario, lambda r: r["clients"][name][key]))
        out.append(line("failed", "of all", scenario, lambda r: sum(c["failed"] for c in r["clients"].values())))
        out.append(line("memory at most", "MiB", scenario, lambda r: r["memory_mib"]))
        out.append(line("after the last reply: until nothing was left to do (2 s of quiet included)", "s", scenario, lambda r: r["rest_s"]).rsplit("|", 2)[0] + "| |")
    out.append(line("**ceiling**: highest step that was answered, 4 KiB on 50 connections", "messages/s", CEILING, lambda r: r["held"], True))
    out.append(line("first step that was not", "messages/s", CEILING, lambda r: r["lost"]).rsplit("|", 2)[0] + "| |")
    return out


def report(given):
    records = [json.loads(line) for line in open(given.file)]
    out = ["| what | unit | Postfix + Dovecot | MailCluster | ratio |", "|---|---|---|---|---|", *rows(records), ""]
    for target, name in ((PEER, "Postfix + Dovecot"), (OURS, "MailCluster")):
        own = [r["verdict"] for r in records if r["target"] == target]
        wrong = sum(v["findings"] for v in own)
        out.append(f"Ledger of {name}: {sum(v['acknowledged'] for v in own):,} messages acknowledged in {len(own)} runs, "
                   + ("all there exactly once or removed by their reader." if wrong == 0 else f"**{wrong:,} findings**."))
    noisy = sum(r["noisy"] for r in records)
    behind = sum(bool(r["bottlenecks"]) for r in records if r["scenario"] != CEILING)
    out += ["", f"Taken on {max(r['at'] for r in records)[:10]}, {len(records)} runs, of which {noisy} were disturbed by other work on the machine"
            + (" and are left aside where a calm one exists" if noisy else "")
            + f"; the generator was late or short of its core in {behind}."]
    text = open(given.document).read()
    head, rest = text.split(BEGIN, 1)
    open(given.document, "w").write(head + BEGIN + "\n\n" + "\n".join(out) + "\n\n" + END + rest.split(END, 1)[1])
    print("\n".join(out))


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tasks = options.add_subparsers(required=True)
    running = tasks.add_parser("run")
    running.add_argument("file")
    running.add_argument("--out", required=True)
    running.add_argument("--runs", type=int, default=1)
    running.add_argument("--quick", action="store_true")
    running.set_defaults(do=run)
    reporting = tasks.add_parser("report")
    reporting.add_argument("file")
    reporting.add_argument("document")
    reporting.set_defaults(do=report)
    given = options.parse_args()
    given.do(given)


main()
