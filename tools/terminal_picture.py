#!/usr/bin/env python3
"""Draws docs/terminal.svg, the terminal session in the README: terminal_picture.py HOLDFAST.

Runs the tool in a terminal of its own, against a server that restarts, and draws what it prints. Takes ten seconds."""
import fcntl
import html
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

COLUMNS, LINE, LETTER, MARGIN = 114, 18, 7.83, 16
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "2": "#8b949e", "0": "#e6edf3"}
PICTURE = pathlib.Path(__file__).parent.parent / "docs" / "terminal.svg"


def in_terminal(command, lines=(), seconds=0.0):
    """What `command` prints in a terminal; `lines` are typed, each at its second, and Ctrl-C at the end."""
    child, terminal = pty.fork()
    if child == 0:
        try:
            os.execvp(command[0], command)
        finally:
            os._exit(127)  # it is not there
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    start, to_type, said, interrupted = time.monotonic(), list(lines), b"", False
    while True:
        now = time.monotonic() - start
        if to_type and now > to_type[0][0]:
            os.write(terminal, to_type.pop(0)[1].encode() + b"\n")
        if seconds and now > seconds and not interrupted:
            interrupted = True
            os.kill(child, signal.SIGINT)
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                piece = os.read(terminal, 4096)
            except OSError:  # how Linux tells that the other side is closed
                break
            if not piece:
                break
            said += piece
    os.waitpid(child, 0)
    return said.decode().replace("\r", "").rstrip("\n").split("\n")


def wrapped(line):
    """The rows that a line takes, each a list of (colour, text)."""
    rows, row, width, colour = [], [], 0, "0"
    for code, text in re.findall(r"\x1b\[([\d;]*)m|([^\x1b]+)", line):
        if code:
            colour = code
        while text:
            row.append((colour, text[: COLUMNS - width]))
            text, width = text[COLUMNS - width:], width + len(row[-1][1])
            if width == COLUMNS:
                rows, row, width = [*rows, row], [], 0
    return [*rows, row] if row or not rows else rows


def drawn(lines):
    rows = [row for line in lines for row in wrapped(line)]
    width, height = COLUMNS * LETTER + 2 * MARGIN, len(rows) * LINE + 2 * MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" role="img" '
           'aria-label="holdfast watch during the restart of a server, and holdfast doctor">',
           f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#0d1117"/>',
           '<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" xml:space="preserve">']
    for number, row in enumerate(rows):
        spans = "".join(f'<tspan fill="{COLOURS.get(colour, COLOURS["0"])}">{html.escape(text)}</tspan>' for colour, text in row)
        out.append(f'<text x="{MARGIN}" y="{MARGIN + number * LINE + 13}">{spans}</text>')
    return "\n".join([*out, "</g>", "</svg>", ""])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    tool = sys.argv[1]
    server = subprocess.Popen([tool, "serve", "--script", "restart", "--after", "3s", "--port", "0"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    try:
        port = re.search(r":(\d+)", server.stdout.readline())[1]
        watched = in_terminal([tool, "watch", f"ws://127.0.0.1:{port}/"], [(1, "hello"), (4.5, "are you back?")], 8.5)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
    examined = in_terminal([tool, "doctor", f"ws://127.0.0.1:{port}/"])
    prompt = "\x1b[32m$\x1b[0m holdfast "
    lines = [f"{prompt}watch ws://127.0.0.1:{port}/", *watched, f"{prompt}doctor ws://127.0.0.1:{port}/", *examined]
    PICTURE.write_text(drawn(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
