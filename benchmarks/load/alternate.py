#!/usr/bin/env python3
"""alternate.py OTHER [--runs N]   this tree and another one of the same program, in turns, on one core each.

Prints CPU seconds per 1000 messages for both and their ratio (medians): what a change costs, on a machine whose absolute
figures come and go. Both trees have to be built (dotnet build MailCluster.sln -c Release).
"""
import argparse, os, statistics, time
from node import Node, build_driver, mload

HERE = os.path.dirname(os.path.abspath(__file__))
# name: sessions, messages per session, octets
WORK = {"1 KiB": (20, 2500, 1024), "16 KiB": (20, 500, 16384), "1 KiB, one per session": (12000, 1, 1024)}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("other")
    options.add_argument("--runs", type=int, default=5)
    given = options.parse_args()
    build_driver()
    trees = {"this": os.path.join(HERE, "../.."), "other": given.other}
    found = {name: {tree: [] for tree in trees} for name in WORK}
    for run in range(given.runs):
        for tree in list(trees)[:: 1 if run % 2 else -1]:
            with Node(trees[tree]) as node:
                for name, (sessions, messages, octets) in WORK.items():
                    for is_warm in (False, True):  # the first time pays for the compiler
                        time.sleep(0.5)
                        before = node.cpu()
                        mload("smtp", "-p", 14525, "-U", 200, "-c", 20, "-n", sessions, "-m", messages, "-s", octets)
                        cost = (node.cpu() - before) / (sessions * messages) * 1000
                    found[name][tree].append(cost)
                    print(f"run {run + 1} {tree:5} {name:24} {cost:.4f}", flush=True)
    print("| work | other | this | ratio |\n|---|---|---|---|")
    for name, by_tree in found.items():
        this, other = (statistics.median(by_tree[tree]) for tree in ("this", "other"))
        print(f"| SMTP {name} | {other:.3f} | {this:.3f} | {this / other:.2f} |")


main()
