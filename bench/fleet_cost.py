#!/usr/bin/env python3
"""What a lease of a fleet costs its holder, on a real nats-server: fleet_cost.py PROGRAM. 5,000 keys on one worker, whose
renewals (1,000 a second) must all be in time; and the instructions of one renewal, by valgrind's callgrind, in user space of
the whole process, threads of libnats included."""
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
FEWER, MORE = 20, 100  # seconds of renewals under callgrind


def run(words, errors=subprocess.DEVNULL):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=errors, text=True, timeout=600)


def counted(program, url, fleet, seconds, folder):
    """Instructions and renewals of one run."""
    done = run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/{fleet}.out", program, url, fleet, str(COUNTED_KEYS),
                str(seconds)], subprocess.PIPE)
    return int(re.search(r"Collected : (\d+)", done.stderr)[1]), json.loads(done.stdout)["renewals"]


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        broker, = make_brokers(folder, 1)
        broker.start()
        try:
            found = json.loads(run([program, broker.url, "many", str(KEYS), str(SECONDS)]).stdout)
            print(f"{KEYS:,} keys on one worker: {found['renewals'] / SECONDS:,.0f} renewals a second, {found['lost']} leases lost, "
                  f"{100 * found['share_of_a_core']:.0f} % of a core")
            print(f"a renewal: {found['entry_bytes']} bytes without a session's state, "
                  f"{1e6 * found['processor_seconds'] / found['renewals']:.0f} us of processor time", flush=True)
            print(f"a lease: {found['heap_bytes_per_lease']:,.0f} bytes of heap", flush=True)
            first, second = (counted(program, broker.url, f"counted{at}", at, folder) for at in (FEWER, MORE))
            print(f"a renewal: {(second[0] - first[0]) / (second[1] - first[1]):,.0f} instructions")
            sys.exit(found["lost"])
        finally:
            broker.end()


main()
