#!/usr/bin/env python3
"""Prints what settings of zlib cost for chat messages of 1 KiB with context takeover: bytes on the wire, instructions in
user space (valgrind's callgrind; making the message is left out) and memory of the compressor.

  deflate_curve.py PROGRAM

PROGRAM is `deflate_curve`."""
import subprocess
import sys

from callgrind import instructions

DEFAULT, FIXED, HUFFMAN_ONLY = 0, 4, 2
STRATEGIES = {DEFAULT: "default", FIXED: "fixed codes", HUFFMAN_ONLY: "Huffman only"}
SETTINGS = ([(level, 8, DEFAULT, 15) for level in range(1, 10)] + [(level, 5, DEFAULT, 15) for level in (1, 3, 6)] +
            [(3, memory, DEFAULT, 15) for memory in (2, 9)] + [(3, 8, FIXED, 15), (3, 8, HUFFMAN_ONLY, 15)] +
            [(3, 8, DEFAULT, window) for window in (12, 10)] + [(3, window - 7, DEFAULT, window) for window in (12, 10)])
FEWER, MORE = 100, 600


def marginal(program, settings):
    few, many = (instructions([program, *map(str, settings), str(count)]) for count in (FEWER, MORE))
    return (many - few) / (MORE - FEWER)


# zlib.h: (1 << (windowBits+2)) + (1 << (memLevel+9)), and a small structure.
def kibibytes(memory, window):
    return ((1 << (window + 2)) + (1 << (memory + 9))) / 1024 + 6


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    program = sys.argv[1]
    without = marginal(program, (0, 8, DEFAULT, 15))  # makes and copies the messages
    print("level  memory level  strategy      window  bytes  instructions  KiB")
    for settings in SETTINGS:
        level, memory, strategy, window = settings
        sizes = subprocess.run([program, *map(str, settings), "4000"], check=True, capture_output=True, text=True).stdout
        cost = marginal(program, settings) - without
        print(f"{level:>5}  {memory:>12}  {STRATEGIES[strategy]:<12}  {window:>6}  {sizes.split()[1]:>5}  {cost:>12,.0f}  "
              f"{kibibytes(memory, window):>3.0f}", flush=True)


if __name__ == "__main__":
    main()
