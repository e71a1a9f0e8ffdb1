#!/usr/bin/env python3
"""admission.py [--rate N] [--secs N]   new SMTP connections at a fixed rate, each greeted, EHLO, QUIT.

Prints how long the node itself waited for admission (its own histogram), and how busy its core was meanwhile.
"""
import argparse, os, time
from node import Node, build_driver, mload

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "mailcluster_limits_admission_duration_seconds"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rate", type=int, default=5000)
    options.add_argument("--secs", type=int, default=20)
    given = options.parse_args()
    build_driver()
    with Node(os.path.join(HERE, "../..")) as node:
        def connect(seconds):
            mload("smtp", "-p", 14525, "-U", 200, "-c", 400, "-m", 0, "--rate", given.rate, "--spread", "-n", given.rate * seconds)

        connect(5)  # until it is compiled
        before, cpu, since = node.buckets(NAME), node.cpu(), time.time()
        connect(given.secs)
        seconds, cpu = time.time() - since, node.cpu() - cpu
        counts = {bound: count - before.get(bound, 0) for bound, count in node.buckets(NAME).items()}
        total = counts[float("inf")]
        print(f"{total / seconds:,.0f} connections/s, {cpu / seconds:.0%} of a core")
        for share in (0.5, 0.99, 0.999, 0.9999):
            bound = min(bound for bound, count in counts.items() if count >= share * total)
            print(f"p{share * 100:g}: at most {bound * 1e6:,.0f} µs")


main()
