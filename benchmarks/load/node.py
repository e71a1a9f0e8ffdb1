"""A node for a measurement: started on one core, asked for its CPU time and its metrics, stopped."""
import os, re, shutil, signal, subprocess, tempfile, time, urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
MLOAD = os.environ.get("MLOAD", "/tmp/peers/mload")
HZ = os.sysconf("SC_CLK_TCK")


def build_driver():
    if not os.path.exists(MLOAD) or os.path.getmtime(MLOAD) < os.path.getmtime(os.path.join(HERE, "mload.c")):
        os.makedirs(os.path.dirname(MLOAD), exist_ok=True)
        subprocess.run(["make", "-s", "-C", HERE, "OUT=" + MLOAD], check=True)


def mload(*args):
    return subprocess.run(["taskset", "-c", "1", MLOAD, *map(str, args)], check=True, capture_output=True, text=True).stdout


class Node:
    """The program built in TREE, on core 0, with TREE's own benchmarks/bench.json, in a data directory of its own."""

    def __init__(self, tree):
        self.directory = tempfile.mkdtemp(prefix="mailcluster-bench-", dir="/var/tmp")
        ready = os.path.join(self.directory, "ready")
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", os.path.join(tree, "src/Frontend/bin/Release/net10.0/mailcluster"), "serve",
             "--config", os.path.join(tree, "benchmarks/bench.json"), "--seed-users", "200", "--ready-file", ready],
            env=dict(os.environ, MailCluster__Node__DataDirectory=os.path.join(self.directory, "data")),
            stdout=open(os.path.join(self.directory, "log"), "w"), stderr=subprocess.STDOUT)
        while not os.path.exists(ready):
            if self.process.poll() is not None:
                raise SystemExit(open(os.path.join(self.directory, "log")).read())
            time.sleep(0.1)

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / HZ

    def buckets(self, name):
        """Upper bound → count, over all label sets of a histogram."""
        text = urllib.request.urlopen("http://127.0.0.1:14080/metrics").read().decode()
        found = {}
        for labels, count in re.findall(rf"^{name}_bucket\{{(.*?)\}} (\d+)", text, re.M):
            bound = float(re.search(r'le="([^"]+)"', labels)[1].replace("+Inf", "inf"))
            found[bound] = found.get(bound, 0) + int(count)
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        shutil.rmtree(self.directory)
