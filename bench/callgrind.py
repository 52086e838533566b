"""Counts the instructions of a program in user space, by valgrind's callgrind."""
import re
import subprocess
import sys


def instructions(words):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *words], capture_output=True,
                          text=True, timeout=600)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"{' '.join(words)}: {done.stderr.strip()}")
    return int(found[1])
