#!/usr/bin/env python3
"""Neutral load orchestrator: the same work against any SMTP/POP3/IMAP server on loopback.

  bench.py TARGET.json CASE [options]        one run, one JSON line on stdout (and appended to --out)
  bench.py TARGET.json suite --only a,b      the standard matrix, --runs 3 of each

TARGET.json: see targets/.  Server CPU and memory come from the cgroup named there (start the server
with cgrun.sh) or, without one, from the process tree under "pids".
CPU pinning: drivers run on DRIVER_CORE (default 1); cgrun.sh pins the server.
Only Python's standard library is used here; the load itself comes from smtp-source (Postfix),
imaptest (Dovecot) and mload (this folder).
"""
import argparse, glob, json, os, poplib, re, signal, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = os.environ.get("PEERS_DIR", "/tmp/peers")
MLOAD = os.environ.get("MLOAD", os.path.join(PEERS, "mload"))
IMAPTEST = os.environ.get("IMAPTEST", os.path.join(PEERS, "imaptest", "src", "imaptest"))
IMAPTEST_LIB = os.environ.get("IMAPTEST_LIB", "/usr/lib/dovecot")
CORE = os.environ.get("DRIVER_CORE", "1")
HZ = os.sysconf("SC_CLK_TCK")


def pin(cmd):
    return (["taskset", "-c", CORE] if CORE else []) + cmd


def build():
    if not os.path.exists(MLOAD) or os.path.getmtime(MLOAD) < os.path.getmtime(os.path.join(HERE, "mload.c")):
        os.makedirs(os.path.dirname(MLOAD), exist_ok=True)
        subprocess.run(["make", "-s", "-C", HERE, "OUT=" + MLOAD], check=True)


class Meter:
    """CPU seconds and memory of all server processes."""

    def __init__(self, t):
        self.cg = self.v2 = None
        self.roots = t.get("pids", [])
        if t.get("pidfile"):
            self.roots = [int(open(os.path.expandvars(t["pidfile"])).read())]
        if t.get("cgroup"):
            for line in open("/proc/mounts"):
                f = line.split()
                if f[2] == "cgroup" and "cpuacct" in f[3].split(","):
                    p = os.path.join(f[1], t["cgroup"])
                    if os.path.isdir(p):
                        self.cg = p
                elif f[2] == "cgroup2" and not self.cg:
                    p = os.path.join(f[1], t["cgroup"])
                    if os.path.isdir(p):
                        self.v2 = p

    def pids(self):
        if self.cg or self.v2:
            return [int(x) for x in open((self.cg or self.v2) + "/cgroup.procs").read().split()]
        kids, out = {}, []
        for p in glob.glob("/proc/[0-9]*/stat"):
            try:
                s = open(p).read()
            except OSError:
                continue
            pid = int(s.split(" ", 1)[0])
            kids.setdefault(int(s.rsplit(")", 1)[1].split()[1]), []).append(pid)
        todo = list(self.roots)
        while todo:
            p = todo.pop()
            out.append(p)
            todo += kids.get(p, [])
        return out

    def cpu(self):
        if self.cg:
            return int(open(self.cg + "/cpuacct.usage").read()) / 1e9
        if self.v2:
            return int(re.search(r"usage_usec (\d+)", open(self.v2 + "/cpu.stat").read()).group(1)) / 1e6
        tot = 0
        for p in self.pids():
            try:
                f = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            tot += sum(int(x) for x in f[11:15])
        return tot / HZ

    def pss(self):
        tot = n = 0
        for p in self.pids():
            try:
                tot += int(re.search(r"^Pss:\s+(\d+)", open(f"/proc/{p}/smaps_rollup").read(), re.M).group(1))
                n += 1
            except (OSError, AttributeError):
                pass
        return tot, n


def mem_available():
    return int(re.search(r"MemAvailable:\s+(\d+)", open("/proc/meminfo").read()).group(1))


def cpu_stat():
    f = [int(x) / HZ for x in open("/proc/stat").readline().split()[1:9]]
    return sum(f) - f[3] - f[4] - f[7], f[7]  # busy (with irq), steal


class Bench:
    def __init__(self, tfile, out=None):
        self.t = json.load(open(tfile))
        self.m = Meter(self.t)
        self.outf = out
        self.host = self.t.get("host", "127.0.0.1")
        self.U = self.t["users"]
        self.tag = {}  # goes into every record

    def begin(self):
        """Marks a run's start; emit() then reports CPU used by neither server nor driver, and stolen CPU."""
        for _ in range(10):  # wait for the hypervisor's other guests to calm down
            s0 = cpu_stat()[1]
            time.sleep(0.5)
            if cpu_stat()[1] - s0 <= 0.03:
                break
        self.bt = time.time()
        self.b = (cpu_stat(), self.m.cpu(), sum(os.times()[:4]))
        return self.b[1]

    def quiet(self, f, *a, tries=2, **k):
        """Repeats a case whose run was disturbed; the disturbed runs stay in the file, marked noisy."""
        for _ in range(tries):
            r = f(*a, **k)
            if not r.get("noisy"):
                return r

    def emit(self, rec):
        if getattr(self, "b", None):
            (busy, steal), srv, drv = self.b
            b2, s2 = cpu_stat()
            other = (b2 - busy) - (self.m.cpu() - srv) - (sum(os.times()[:4]) - drv)
            rec = {**rec, "other_cpu_s": round(max(0, other), 2), "steal_s": round(s2 - steal, 2)}
            wall = time.time() - self.bt
            rec.update(run_s=round(wall, 2), noisy=int(s2 - steal > 0.1 * wall or other > 0.25 * wall))
            self.b = None
        rec = {"target": self.t["name"], "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **rec, **self.tag}
        line = json.dumps(rec, separators=(",", ":"))
        print(line, flush=True)
        if self.outf:
            with open(self.outf, "a") as f:
                f.write(line + "\n")
        return rec

    def mload(self, mode, port, *a, **k):
        cmd = pin([MLOAD, mode, "-h", self.host, "-p", str(self.t[port]), "--user", self.t["user"],
                   "--pass", self.t["pass"], "-U", str(k.get("users", self.U))] + [str(x) for x in a])
        if port in ("pop3s", "imaps"):
            cmd.append("--tls")
        r = subprocess.run(cmd, capture_output=True, text=True, timeout=600)
        try:
            return json.loads(r.stdout.strip().splitlines()[-1])
        except (IndexError, ValueError):
            sys.exit(f"{cmd}: rc {r.returncode}: {r.stdout[-300:]} {r.stderr[-300:]}")

    def addr(self, i):
        return self.t["user"] % i

    # ---- mailbox state
    def stat(self, i):
        p = poplib.POP3(self.host, self.t["pop3"], timeout=60)
        try:
            p.user(self.addr(i))
            p.pass_(self.t["pass"] % i)
            return p.stat()[0]
        finally:
            try:
                p.quit()
            except Exception:
                pass

    def drain(self, users=None):
        r = self.mload("pop3", "pop3", "-c", 4, "-n", users or self.U, "--retr", "none", "--dele", "--pipeline", users=users or self.U)
        if r["failed"]:
            print("drain:", r["err"], file=sys.stderr)

    def wait_delivered(self, expect, limit=180):
        """expect: {user index: messages}.  Returns (time of the last arrival seen, missing, polls)."""
        t_end = time.time() + limit
        last_seen, polls = time.time(), 0
        for i in sorted(expect, reverse=True):
            waited = False
            while True:
                n = self.stat(i)
                polls += 1
                if n >= expect[i]:
                    break
                waited = True
                if time.time() > t_end:
                    return time.time(), expect[i] - n, polls
                time.sleep(0.05)
            if waited or polls == 1:
                last_seen = time.time()
        return last_seen, 0, polls

    def poll_cost(self):
        n = 20
        c0 = self.m.cpu()
        for i in range(n):
            self.stat(1 + i % self.U)
        return (self.m.cpu() - c0) / n

    def settle(self):
        """Wait until the server is quiet, so that one run's tail is not billed to the next."""
        for _ in range(40):
            c = self.m.cpu()
            time.sleep(0.25)
            if self.m.cpu() - c < 0.005:
                return

    # ---- cases
    def smtp_source(self, sessions=20, messages=2000, length=16384, many=True, verify=True):
        users = min(sessions, self.U)
        self.drain(users)
        self.settle()
        per = messages // sessions
        expect = {}
        for i in range(sessions):
            expect[1 + i % users] = expect.get(1 + i % users, 0) + per
        c0, w0 = self.begin(), time.time()
        ps = []
        for i in range(sessions):
            ps.append(subprocess.Popen(pin(["smtp-source", "-s", "1", "-m", str(per), "-l", str(length)] + (["-d"] if many else []) +
                      ["-f", "sender@example.test", "-t", self.addr(1 + i % users), f"inet:{self.host}:{self.t['smtp']}"]),
                      stderr=subprocess.PIPE, text=True))
        errs = [p.communicate(timeout=600)[1] for p in ps]
        w1 = time.time()
        acc_cpu = self.m.cpu() - c0
        bad = [e for p, e in zip(ps, errs) if p.returncode]
        n = per * sessions
        rec = {"case": "smtp", "driver": "smtp-source", "sessions": sessions, "messages": n, "size": length,
               "mode": "many-per-session" if many else "one-per-session", "failed_procs": len(bad),
               "err": (bad[0][:150] if bad else ""), "accept_s": round(w1 - w0, 3), "accepted_per_s": round(n / (w1 - w0), 1)}
        if verify:
            t, missing, polls = self.wait_delivered(expect)
            self.settle()
            cpu = self.m.cpu() - c0
            pc = self.poll_cost()
            cpu -= pc * polls
            rec.update(delivered_s=round(t - w0, 3), delivered_per_s=round(n / (t - w0), 1), missing=missing, polls=polls,
                       cpu_accept_s=round(acc_cpu, 3), cpu_s=round(cpu, 3), cpu_s_per_1000=round(cpu / n * 1000, 3))
        return self.emit(rec)

    def smtp(self, sessions=20, messages=2000, length=16384, per_session=50, rate=0, tls=False, rcpts=1, name="smtp"):
        self.drain()
        self.settle()
        ns = max(1, messages // per_session)
        n = ns * per_session * rcpts
        expect = {1 + i: n // self.U + (1 if i < n % self.U else 0) for i in range(self.U)}
        c0, w0 = self.begin(), time.time()
        a = ["-c", sessions, "-n", ns, "-m", per_session, "-s", length, "--rcpts", rcpts]
        if rate:
            a += ["--rate", rate]
        if tls:
            a += ["--starttls"]
        r = self.mload("smtp", "smtp", *a)
        w1 = time.time()
        acc = self.m.cpu() - c0
        t, missing, polls = self.wait_delivered(expect)
        self.settle()
        cpu = self.m.cpu() - c0 - self.poll_cost() * polls
        return self.emit({"case": name, "driver": "mload", "sessions": sessions, "messages": r["msgs"], "size": length, "per_session": per_session,
                          "rcpts": rcpts, "starttls": int(tls), "rate": rate, "failed": r["failed"], "err": r["err"], "accept_s": r["wall_s"],
                          "accepted_per_s": r["msgs_per_s"], "delivered_s": round(t - w0, 3), "delivered_per_s": round(n / (t - w0), 1),
                          "missing": missing, "cpu_accept_s": round(acc, 3), "cpu_s": round(cpu, 3), "cpu_s_per_1000": round(cpu / max(1, n) * 1000, 3),
                          "message_ms": r.get("message_ms"), "session_ms": r.get("session_ms"), "driver_cpu_s": r["driver_cpu_s"], "late": r["late"]})

    MIX = ((30, 2048), (15, 8192), (5, 65536))  # the 50-message maildrop, 512 KiB

    def fill(self, users=None):
        users = users or self.U
        self.drain()
        per = 50 if users % 50 == 0 else users
        for count, size in self.MIX:
            r = self.mload("smtp", "smtp", "-c", 1, "-n", 1, "-m", count * users // per, "-s", size, "--rcpts", per, users=users)
            if r["failed"]:
                print("fill:", r["err"], file=sys.stderr)
        t, missing, _ = self.wait_delivered({i: 50 for i in range(1, users + 1)})
        self.settle()
        return missing

    def session_case(self, case, mode, port, n, *a, **extra):
        self.settle()
        c0 = self.begin()
        r = self.mload(mode, port, "-n", n, *a)
        cpu = self.m.cpu() - c0
        ok = max(1, r["sessions_ok"])
        return self.emit({"case": case, "driver": "mload", "conc": r["conc"], "tls": r["tls"], "sessions": r["sessions_ok"], "failed": r["failed"],
                          "err": r["err"], "wall_s": r["wall_s"], "sessions_per_s": r["sessions_per_s"], "msgs_per_s": r["msgs_per_s"],
                          "cmds_per_s": r["cmds_per_s"], "mib_in_per_s": round(r["bytes_in"] / r["wall_s"] / 2**20, 2), "rate": r["rate"],
                          "cpu_s_per_1000": round(cpu / ok * 1000, 3), "server_core_use": round(cpu / r["wall_s"], 3), "driver_cpu_s": r["driver_cpu_s"],
                          "session_ms": r.get("session_ms"), "login_ms": r.get("login_ms"), "command_ms": r.get("command_ms"), "late": r["late"], **extra})

    def idle(self, proto, depth, k, tls=False, settle=3, inflight=50):
        port = proto + ("s" if tls else "")

        def hold(number):
            return subprocess.Popen(pin([MLOAD, "idle", "-h", self.host, "-p", str(self.t[port]), "--user", self.t["user"], "--pass", self.t["pass"], "-U", str(self.U),
                                         "--proto", proto, "--depth", depth, "-c", str(inflight), "-n", str(number), "-t", "300"] + (["--tls"] if tls else [])),
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        # The first ones are not counted: with them comes what a server compiles, loads or sets aside once.
        first = hold(k // 4)
        first.stdout.readline()
        time.sleep(settle)
        self.settle()
        pss0, np0 = self.m.pss()
        c0, a0, w0 = self.begin(), mem_available(), time.time()
        p = hold(k)
        ready = json.loads(p.stdout.readline() or "{}")
        open_cpu = self.m.cpu() - c0
        time.sleep(settle)
        c1, w1 = self.m.cpu(), time.time()
        pss1, np1 = self.m.pss()
        a1 = mem_available()
        p.stdin.close()
        end = json.loads(p.stdout.readlines()[-1])
        p.wait(timeout=60)
        first.stdin.close()
        first.stdout.readlines()
        first.wait(timeout=60)
        held = max(1, ready.get("held", 0))
        rec = self.emit({"case": "idle", "proto": proto, "depth": depth, "tls": int(tls), "asked": k, "held": ready.get("held"), "failed": ready.get("failed"),
                         "still_held": end["held"], "err": ready.get("err") or end["err"], "open_s": ready.get("open_s"),
                         "opened_per_s": round(held / max(0.001, ready.get("open_s", 1)), 1), "open_cpu_s_per_1000": round(open_cpu / held * 1000, 3),
                         "pss_before_kib": pss0, "pss_kib": pss1, "pss_per_conn_kib": round((pss1 - pss0) / held, 2),
                         "mem_available_per_conn_kib": round((a0 - a1) / held, 2), "procs": np1, "settle_s": settle})
        time.sleep(2)
        self.settle()
        return rec

    def imaptest(self, secs=30, clients=20, seed=1, users=100):
        users = min(users, self.U)
        self.drain(users)
        d = tempfile.mkdtemp()
        uf, mbox = d + "/users", d + "/test.mbox"
        with open(uf, "w") as f:
            for i in range(1, users + 1):
                f.write(f"{self.addr(i)}:{self.t['pass'] % i}\n")
        with open(mbox, "w") as f:  # 200 messages of 0.3-20 KiB, always the same
            for i in range(200):
                n = (300, 1500, 4000, 20000)[(i * 7 + i // 5) % 4]
                f.write(f"From sender@example.test Mon Jan  1 00:00:00 2024\nFrom: Sender {i} <sender{i % 17}@example.test>\nTo: user@example.test\n"
                        f"Subject: message {i}\nDate: Mon, 1 Jan 2024 00:00:{i % 60:02d} +0000\nMessage-ID: <{i}@mbox.test>\nMIME-Version: 1.0\n"
                        "Content-Type: text/plain\n\n" + ("abcdefghij " * 6 + "\n") * (n // 67 + 1) + "\n")
        self.settle()
        c0, w0 = self.begin(), time.time()
        r = subprocess.run(pin([IMAPTEST, f"host={self.host}", f"port={self.t['imap']}", f"userfile={uf}", "user=x", "pass=x", f"mbox={mbox}",
                                f"clients={clients}", f"secs={secs}", f"seed={seed}", "no_pipelining"][:-1]), capture_output=True, text=True,
                           env={**os.environ, "LD_LIBRARY_PATH": IMAPTEST_LIB}, timeout=secs + 60, cwd=d)
        w, cpu = time.time() - w0, self.m.cpu() - c0
        tot = r.stdout.rsplit("Totals:", 1)[-1].strip().splitlines() if "Totals:" in r.stdout else []
        names = tot[0].split() if tot else []
        nums = next((re.findall(r"\d+", l) for l in reversed(tot) if re.match(r"^[\s\d]+$", l)), [])
        cmds = sum(map(int, nums))
        ms = re.findall(r"^(.*) ms/cmd avg", r.stdout, re.M)
        errors = [l for l in (r.stdout + r.stderr).splitlines() if re.search(r"error|BUG|Fatal|Panic", l, re.I)]
        return self.emit({"case": "imaptest", "clients": clients, "secs": secs, "rc": r.returncode, "commands": cmds, "commands_per_s": round(cmds / secs, 1),
                          "per_command": dict(zip(names, map(int, nums))), "cpu_s_per_1000": round(cpu / max(1, cmds) * 1000, 3),
                          "server_core_use": round(cpu / w, 3), "avg_ms": ms[-1].split() if ms else None, "errors": len(errors), "first_error": (errors or [""])[0][:200]})

    # ---- the standard matrix
    def suite(self, only, runs):
        def want(x):
            return not only or x in only

        for run in range(runs):
            K = 1024
            if want("smtp"):
                for size, msgs, sess in ((1 * K, 1000, 20), (16 * K, 1000, 20), (1024 * K, 100, 10)):
                    for many in (True, False):
                        self.quiet(self.smtp_source, sess, msgs, size, many)
            if want("smtp2"):
                self.quiet(self.smtp_source, 1, 150, 16 * K, True)
                self.quiet(self.smtp_source, 100, 1000, 16 * K, True)
                self.quiet(self.smtp, 20, 1000, 16 * K, 50, name="smtp-mload")
                self.quiet(self.smtp, 20, 300, 16 * K, 1, tls=True, name="smtp-starttls")
            if want("smtplat"):
                self.quiet(self.smtp, 100, 500, 16 * K, 1, rate=50, name="smtp-latency")
                self.quiet(self.smtp, 100, 1000, 16 * K, 1, rate=100, name="smtp-latency")
            if want("imaptest"):
                self.quiet(self.imaptest)
        if any(want(x) for x in ("pop3", "imap", "lat")):
            miss = self.fill()
            if miss:
                print("fill: missing", miss, file=sys.stderr)
        for run in range(runs):
            if want("pop3"):
                for c in (1, 8, 32):
                    self.quiet(self.session_case, "pop3-retr-all", "pop3", "pop3", 200 if c == 1 else 600, "-c", c)
                self.quiet(self.session_case, "pop3-login-stat", "pop3", "pop3", 2000, "-c", 8, "--retr", "none")
                self.quiet(self.session_case, "pop3s-login-stat", "pop3", "pop3s", 600, "-c", 8, "--retr", "none")
            if want("imap"):
                self.quiet(self.session_case, "imap-login-select", "imap", "imap", 2000, "-c", 8, "--fetch", "none")
                self.quiet(self.session_case, "imap-fetch-meta", "imap", "imap", 1000, "-c", 8, "--fetch", "meta")
                self.quiet(self.session_case, "imap-fetch-full", "imap", "imap", 600, "-c", 8, "--fetch", "full")
                self.quiet(self.session_case, "imaps-login-select", "imap", "imaps", 600, "-c", 8, "--fetch", "none")
            if want("lat"):
                for rate in (25, 50, 100):
                    self.quiet(self.session_case, "pop3-latency", "pop3", "pop3", rate * 10, "-c", 150, "--rate", rate, "--bodies", 5)
                    self.quiet(self.session_case, "imap-latency", "imap", "imap", rate * 10, "-c", 150, "--rate", rate, "--fetch", "full", "--bodies", 5)
        if want("pop3dele"):
            for run in range(runs):
                self.fill()
                self.session_case("pop3-retr-dele", "pop3", "pop3", self.U, "-c", 8, "--dele")

    # ---- what compare.sh measures on both sides: one run of each row of docs/performance.md
    def warm(self):
        """The same for every server before anything is counted: what it compiles, caches or forks on first use is there."""
        self.drain()
        self.mload("smtp", "smtp", "-c", 20, "-n", 60, "-m", 50, "-s", 1024)
        self.mload("smtp", "smtp", "-c", 4, "-n", 300, "-m", 1, "-s", 4096, "--starttls")
        self.settle()
        self.fill()
        self.mload("pop3", "pop3", "-c", 8, "-n", 800)
        self.mload("pop3", "pop3", "-c", 8, "-n", 1000, "--retr", "none")
        self.mload("pop3", "pop3s", "-c", 4, "-n", 300, "--retr", "none")
        self.drain()
        self.settle()

    def matrix(self, runs):
        self.tag = {"first": 1}  # what a server costs that has just been started
        self.smtp_source(20, 1000, 1024, True)
        self.fill()
        self.session_case("pop3-retr-all", "pop3", "pop3", 600, "-c", 8)
        self.tag = {}
        self.warm()
        for run in range(runs):
            # So many of the small ones that the start of 20 drivers is not what is measured.
            for size, msgs, sess in ((1024, 10000, 20), (16384, 1000, 20), (1048576, 100, 10)):
                self.quiet(self.smtp_source, sess, msgs, size, True)
            self.quiet(self.smtp, 20, 300, 16384, 1, tls=True, name="smtp-starttls")
        miss = self.fill()
        if miss:
            print("fill: missing", miss, file=sys.stderr)
        for run in range(runs):
            self.quiet(self.session_case, "pop3-retr-all", "pop3", "pop3", 600, "-c", 8)
            self.quiet(self.session_case, "pop3-login-stat", "pop3", "pop3", 2000, "-c", 8, "--retr", "none")
            self.quiet(self.session_case, "pop3s-login-stat", "pop3", "pop3s", 600, "-c", 8, "--retr", "none")

    def idle_suite(self, runs, ks):
        for run in range(runs):
            for proto, depth, tls, k in ks:
                self.quiet(self.idle, proto, depth, k, tls)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("target")
    p.add_argument("case", choices="smtp-source smtp pop3 imap idle imaptest drain fill warm suite idle-suite matrix".split())
    p.add_argument("--out")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--only", default="")
    p.add_argument("--sessions", type=int, default=20)
    p.add_argument("--messages", type=int, default=2000)
    p.add_argument("--size", type=int, default=16384)
    p.add_argument("--one", action="store_true", help="one message per session")
    p.add_argument("--rate", type=float, default=0)
    p.add_argument("--proto", default="imap")
    p.add_argument("--depth", default="auth")
    p.add_argument("--tls", action="store_true")
    p.add_argument("--settle", type=float, default=3)
    p.add_argument("--secs", type=int, default=30)
    p.add_argument("--conns", type=int, default=2000)
    p.add_argument("--list", default="", help="idle-suite: proto:depth:tls:K,...")
    p.add_argument("--fetch", default="full")
    p.add_argument("--dele", action="store_true")
    p.add_argument("--name", help="override the target's name in the records")
    o = p.parse_args()
    build()
    b = Bench(o.target, o.out)
    if o.name:
        b.t["name"] = o.name
    rt = ["--rate", o.rate] if o.rate else []
    if o.case == "smtp-source":
        b.smtp_source(o.sessions, o.messages, o.size, not o.one)
    elif o.case == "smtp":
        b.smtp(o.sessions, o.messages, o.size, 1 if o.one else 50, o.rate, o.tls)
    elif o.case == "pop3":
        b.session_case("pop3-retr-all", "pop3", "pop3s" if o.tls else "pop3", o.messages, "-c", o.sessions, *rt, *(["--dele"] if o.dele else []))
    elif o.case == "imap":
        b.session_case("imap-" + o.fetch, "imap", "imaps" if o.tls else "imap", o.messages, "-c", o.sessions, "--fetch", o.fetch, *rt)
    elif o.case == "idle":
        b.idle(o.proto, o.depth, o.conns, o.tls, o.settle)
    elif o.case == "imaptest":
        b.imaptest(o.secs)
    elif o.case == "drain":
        b.drain()
    elif o.case == "fill":
        print(json.dumps({"case": "fill", "missing": b.fill()}))
    elif o.case == "warm":
        b.warm()
    elif o.case == "suite":
        b.suite([x for x in o.only.split(",") if x], o.runs)
    elif o.case == "matrix":
        b.matrix(o.runs)
    elif o.case == "idle-suite":
        b.idle_suite(o.runs, [(a, d, t == "1", int(k)) for a, d, t, k in (x.split(":") for x in o.list.split(","))])


main()
