#!/usr/bin/env python3
"""Counts the instructions that one more message costs, by valgrind's callgrind: in user space, of the client alone.
Unlike a time, such a number does not depend on what else the machine does.

  instructions.py PROGRAM [--filter TEXT]       prints a table
  instructions.py PROGRAM --check NUMBERS.json  fails if a count is more than 10 % above the one in the file
  instructions.py PROGRAM --write NUMBERS.json  writes the counts to the file

PROGRAM is `message_cost`. Each client runs twice, with different numbers of messages; the difference between the two runs is
what the messages cost, without the start of the program and the connect."""
import argparse
import json
import os
import subprocess
import sys
import tempfile

from callgrind import instructions

TOLERANCE = 1.10
REPETITIONS = 3
# Instructions; a count of few hundred moves by so much when a read brings more or fewer messages. Where the server is
# quick, as on a quiet machine, a hand-over brings fewer, and each costs more: write the file there.
NOISE = 40


def listed(program):
    for line in subprocess.run([program, "list"], check=True, capture_output=True, text=True).stdout.splitlines():
        workload, client, scheme, at_a_time = line.split()
        yield workload, client, scheme == "wss", int(at_a_time)


class Servers:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.plain, self.secure = self.process.stdout.readline().split()
        pem = ""
        while "END CERTIFICATE" not in pem:
            pem += self.process.stdout.readline()
        self.authority = tempfile.NamedTemporaryFile("w", suffix=".pem")
        self.authority.write(pem)
        self.authority.flush()

    def words(self, secure):
        return [self.secure, self.authority.name] if secure else [self.plain]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


# The first run is long enough for buffers to reach their size.
def marginal(program, workload, client, at_a_time, where):
    fewer, more = at_a_time // 4, at_a_time // 4 + min(at_a_time, 10_000)
    first, second = (instructions([program, "run", workload, client, str(count), *where]) for count in (fewer, more))
    return round((second - first) / (more - fewer))


def measure(program, wanted):
    servers = Servers(program)
    counts = {}
    try:
        for workload, client, secure, at_a_time in listed(program):
            if wanted(workload, client):
                name = f"{workload}/{client}"
                counts[name] = marginal(program, workload, client, at_a_time, servers.words(secure))
                print(f"{name:<40} {counts[name]:>12,}", flush=True)
    finally:
        servers.close()
    return counts


# Beast's counts are not ours, and callgrind counts the copying of large messages by the byte.
def is_checked(name):
    return not name.endswith("/beast") and "64KiB" not in name


def grown(counts, expected):
    return [name for name, count in counts.items() if count > expected[name] * TOLERANCE + NOISE]


# On a busy machine messages come in smaller groups, each of which has its own cost: what has grown is counted again.
def check(program, counts, expected):
    for _ in range(REPETITIONS):
        doubtful = grown(counts, expected)
        if not doubtful:
            return
        again = measure(program, lambda workload, client: f"{workload}/{client}" in doubtful)
        counts = {name: min(count, again.get(name, count)) for name, count in counts.items()}
    lines = [f"{name}: {counts[name]:,} instructions, {expected[name]:,} in the file" for name in grown(counts, expected)]
    if lines:
        sys.exit("more instructions for a message than before:\n  " + "\n  ".join(lines) +
                 "\nIf there is a reason, tell it in the commit and write the file again (--write).")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--filter", default="", help="only names (workload/client) that contain this")
    parser.add_argument("--check", metavar="FILE")
    parser.add_argument("--write", metavar="FILE")
    given = parser.parse_args()
    expected = json.load(open(given.check)) if given.check else None

    def wanted(workload, client):
        name = f"{workload}/{client}"
        return given.filter in name and (expected is None or name in expected)

    counts = measure(os.path.abspath(given.program), wanted)
    if expected is not None:
        check(os.path.abspath(given.program), counts, expected)
    if given.write:
        kept = {name: count for name, count in counts.items() if is_checked(name)}
        with open(given.write, "w") as file:
            json.dump(kept, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
