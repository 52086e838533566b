#!/usr/bin/env python3
"""What a lease of a fleet costs its holder and an onlooker, on a real nats-server: fleet_cost.py PROGRAM. 5,000 keys on one
worker, whose renewals (1,000 a second) must all be in time; and the instructions of one renewal, by valgrind's callgrind, in
user space of the whole process, threads of libnats included. The last lines are reckoned from that: a large fleet."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "fleet"))
from brokers import make_brokers

KEYS, SECONDS = 5_000, 20
COUNTED_KEYS = 100
SHARDS_OF_MANY = "20"  # 250 keys share a lease, as of a million keys with 4,096
FEWER, MORE = 20, 100  # seconds of renewals under callgrind


def run(words, errors=subprocess.DEVNULL):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=errors, text=True, timeout=600)


def counted(program, url, fleet, seconds, folder):
    """Instructions and renewals of one run."""
    done = run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/{fleet}.out", program, url, fleet, str(COUNTED_KEYS),
                str(seconds)], subprocess.PIPE)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1]), json.loads(done.stdout)["renewals"]


def watched(program, url, fleet, seconds, shards):
    """What a holder says of itself, and another worker that looks on."""
    words = [program, url, fleet, str(KEYS)]
    onlooker = subprocess.Popen([*words, str(max(1, seconds // 2)), "watch", shards], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True)
    found = json.loads(run([*words, str(seconds), "hold", shards]).stdout)
    return found, json.loads(onlooker.communicate(timeout=60)[0])


def reckon_large_fleet(found, seen, told_us):
    """On paper. The state is that of holdfast.v1, as an entry has it; each worker hears of all renewals, without states."""
    workers, keys, shards, quarter, state, told = 1_000, 1_000_000, 4_096, 5, 220, 350
    renewals = shards / quarter
    heap = keys * seen["heap_bytes_per_key"] + keys / workers * found["heap_bytes_per_lease"]
    print(f"reckoned for {workers:,} workers, {keys:,} keys, {shards:,} shards, a lease time of {4 * quarter} s:")
    print(f"  the broker stores {renewals:,.0f} updates a second, {keys * state / quarter / 1e6:,.0f} MB a second with states, "
          f"and tells {renewals * told * workers / 1e6:,.0f} MB a second to all workers")
    print(f"  a worker: {100 * told_us * renewals / 1e6:.0f} % of a core to listen, {heap / 1e6:,.0f} MB of heap besides its connections")
    print(f"  after the crash of one: {keys // workers:,} keys in {shards // workers + 1} shards, held again after {4 * quarter} s and "
          "the time of their dials")


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        broker, = make_brokers(folder, 1)
        broker.start()
        try:
            found, seen = watched(program, broker.url, "many", SECONDS, "0")
            shared = watched(program, broker.url, "shared", 2, SHARDS_OF_MANY)[1]
            told_us = 1e6 * seen["processor_seconds"] / (SECONDS // 2) / (found["renewals"] / SECONDS)
            print(f"{KEYS:,} keys on one worker: {found['renewals'] / SECONDS:,.0f} renewals a second, {found['lost']} leases lost, "
                  f"{100 * found['share_of_a_core']:.0f} % of a core")
            print(f"a renewal: {found['entry_bytes']} bytes without a session's state, "
                  f"{1e6 * found['processor_seconds'] / found['renewals']:.0f} us of processor time", flush=True)
            print(f"a lease: {found['heap_bytes_per_lease']:,.0f} bytes of heap", flush=True)
            print(f"an onlooker: {told_us:.0f} us of processor time for each renewal of others", flush=True)
            print(f"a key of others: {seen['heap_bytes_per_key']:,.0f} bytes of heap; {shared['heap_bytes_per_key']:,.0f} "
                  "where keys share leases", flush=True)
            first, second = (counted(program, broker.url, f"counted{at}", at, folder) for at in (FEWER, MORE))
            print(f"a renewal: {(second[0] - first[0]) / (second[1] - first[1]):,.0f} instructions")
            reckon_large_fleet(found, shared, told_us)
            sys.exit(found["lost"])
        finally:
            broker.end()


main()
