#!/usr/bin/env python3
"""Counts the instructions of a call, a subscription and an event of channels, by valgrind's callgrind, in the client's user
space, and the memory of one that waits: channel_cost.py PROGRAM. Marginal, at 10,000: see instructions.py."""
import pathlib
import subprocess
import sys

from callgrind import instructions

FEWER, MORE = 5_000, 15_000


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    script = pathlib.Path(__file__).with_name("channel_server.py")
    server = subprocess.Popen(["/usr/bin/python3", str(script)], stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        print(f"{'':<14} {'instructions':>12} {'bytes of heap':>14}")
        for what in "calls", "subscriptions", "events":
            first, second = (instructions([program, what, str(count), port]) for count in (FEWER, MORE))
            said = subprocess.run([program, what, "10000", port], check=True, capture_output=True, text=True, timeout=120)
            each = round((second - first) / (MORE - FEWER))
            print(f"{what:<14} {each:>12,} {round(float(said.stdout)) or '':>14}", flush=True)
    finally:
        server.kill()
        server.wait()


main()
