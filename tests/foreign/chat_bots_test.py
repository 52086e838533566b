"""Two chat_bots talk through chat_server while it is restarted: each hears every line of the other, once and in
order. The second restart is not announced.

Usage: chat_bots_test.py CHAT_SERVER CHAT_BOT
"""

import re
import signal
import subprocess
import sys
import time

LINES = 40


def start_server(program, port):
    server = subprocess.Popen([program, "--port", str(port)], stdout=subprocess.PIPE, text=True)
    return server, re.search(r"ws://\S+", server.stdout.readline()).group(0)


def main(server_program, bot_program):
    server, url = start_server(server_program, 0)
    port = int(url.rstrip("/").rsplit(":", 1)[1])
    bots = [
        subprocess.Popen([bot_program, url, name, partner, str(LINES)], stdout=subprocess.PIPE, text=True)
        for name, partner in (("ann", "bob"), ("bob", "ann"))
    ]
    try:
        for how in (signal.SIGTERM, signal.SIGKILL):
            time.sleep(0.7)
            server.send_signal(how)
            server.wait(timeout=10)
            server, _ = start_server(server_program, port)
        failures = 0
        for bot in bots:
            output, _ = bot.communicate(timeout=60)
            heard = [int(n) for n in re.findall(r"^heard (\d+)$", output, re.MULTILINE)]
            sessions = output.count("\nconnected")
            print(f"exit code {bot.returncode}, heard {len(heard)} lines in {sessions} sessions")
            if bot.returncode != 0 or heard != list(range(1, LINES + 1)) or sessions < 2:
                failures += 1
                print(output)
        return 1 if failures else 0
    finally:
        for each in (*bots, server):
            each.kill()
            each.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
