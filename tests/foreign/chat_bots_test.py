"""Two chat_bots talk through chat_server while it is restarted: each hears every line of the other, once and in
order. The second restart is not announced.

Usage: chat_bots_test.py CHAT_SERVER CHAT_BOT
"""
import contextlib
import re
import signal
import sys
import time

from foreign_server import PATIENCE, Program, skip_without_websockets

skip_without_websockets()

from chat_client import ChatServer

LINES = 40


def all_lines(of):
    lines = []
    while (line := of.lines.get(timeout=PATIENCE)) is not None:
        lines.append(line)
    return lines


def check(bot):
    lines = all_lines(bot)
    heard = [int(found[1]) for line in lines if (found := re.match(r"heard (\d+)$", line))]
    assert bot.exit_status() == 0, bot.exit_status()
    assert heard == list(range(1, LINES + 1)), heard
    assert sum(line.startswith("connected") for line in lines) >= 2, "nobody was disturbed"


def main(server_path, bot_path):
    with contextlib.ExitStack() as running:
        server = running.enter_context(ChatServer(server_path, "--port", "0"))
        bots = [running.enter_context(Program(bot_path, server.url, name, partner, str(LINES)))
                for name, partner in (("ann", "bob"), ("bob", "ann"))]
        for how in signal.SIGTERM, signal.SIGKILL:
            time.sleep(0.7)  # in the middle of their talk; wherever that is, nothing may be lost
            server.process.send_signal(how)
            server.exit_status()
            server = running.enter_context(ChatServer(server_path, "--port", str(server.port)))
        for bot in bots:
            check(bot)


main(*sys.argv[1:])
