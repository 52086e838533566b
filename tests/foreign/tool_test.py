"""The tool `holdfast`: its help, its man page and completion, explain, serve, and what watch prints for programs.

Usage: tool_test.py HOLDFAST SOURCE: the path of the tool, and the folder of its sources.
"""
import asyncio
import http.server
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree

import websockets

from foreign_server import EchoServer, PATIENCE, Program, skip_without_websockets

COMMANDS = "watch", "doctor", "explain", "serve", "plot", "top"
SCREEN = 50  # lines


def run(*words, status=0):
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == status, (words, done)
    return done.stdout if status == 0 else done.stderr


def options_of(text):
    return set(re.findall(r"--[a-z][a-z-]+", text))


def every_option_is_in_the_help_the_man_page_and_the_completion(tool, source):
    page = (source / "holdfast.1").read_text(encoding="utf-8").replace("\\-", "-")
    shown = run("man", "-l", str(source / "holdfast.1")) if subprocess.run(["which", "man"], capture_output=True).returncode == 0 else page
    assert "holdfast watch" in shown
    has_fleet = (pathlib.Path(tool).parent / "holdfast-fleet").exists()  # where libnats is
    for command in (*COMMANDS, "fleet") if has_fleet else COMMANDS:
        text = run(tool, command, "--help")
        assert text.count("\n") <= SCREEN, f"the help of {command} does not fit a screen"
        missing = options_of(text) - options_of(page)
        assert not missing, f"the man page lacks {missing} of {command}"
        for option in options_of(text):
            completed = completion(tool, source, command, option)
            assert option in completed, (command, option, completed)
    assert completion(tool, source, "wa") == ["watch"]
    assert "retry.cap=" in completion(tool, source, "watch", "-o", "retry.c")


def completion(tool, source, *words):
    quoted = " ".join(f"'{word}'" for word in ("holdfast", *words))
    script = f"""
        PATH={pathlib.Path(tool).parent}:$PATH; compopt() {{ :; }}
        source {source}/completion.bash; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _holdfast; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return run("bash", "-c", script).split()


def wrong_words_are_one_line(tool, _):
    for words in (["fly"], ["watch"], ["watch", "ws://a/", "ws://b/"], ["explain", "--http-status", "99"], ["explain", "--stage", "moon"],
                  ["explain", "--http-status", "404", "--close-code", "1000"], ["explain", "-o", "retry.factor=0"],
                  ["serve", "--script", "dance"], ["serve", "--after", "0ms"], ["serve", "--port", "99999"], ["serve", "--address", "here"], ["watch", "ws://a/", "--trace"],
                  ["plot", "/no/such"], ["plot", "/dev/null"], ["plot", __file__], ["top", "ws//"], ["serve", "--cert", "/no/such"]):
        text = run(tool, *words, status=2)
        assert text.count("\n") == 1 and text.startswith("holdfast"), (words, text)
    assert "usage" in run(tool, status=2)
    assert re.fullmatch(r"holdfast \d+\.\d+\.\d+\n", run(tool, "--version"))


def explain_shows_the_policy(tool, _):
    table = run(tool, "explain")
    for rule in ("backoff", "fatal-http-status", "unauthorized", "certificate", "flapping", "after-stable-session", "overloaded"):
        assert f" {rule}" in table, (rule, table)
    assert "15.00 to 30.00 s" in table and "never" in table
    capped = run(tool, "explain", "--http-status", "503", "--count", "3", "-o", "retry.base=1s", "-o", "retry.cap=2s").splitlines()
    assert len(capped) == 3 and "0.50 to 1.00 s" in capped[0] and "0.50 to 2.00 s" in capped[2], capped
    waits = [json.loads(line) for line in run(tool, "explain", "--http-status", "429", "--retry-after", "1min", "--json").splitlines()]
    assert all(wait["earliest"] >= 60 and wait["rule"].endswith("+retry-after") for wait in waits), waits
    assert json.loads(run(tool, "explain", "--close-code", "1009", "--lasted", "1s", "--json")) == {"attempt": 1, "rule": "fatal-close-code"}


def output_ends_when_the_reader_does(tool, _):
    for command in ("explain", "watch -o help"):
        done = subprocess.run(["bash", "-c", f"{tool} {command} | head -n 1"], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1, done


class Server(Program):
    def __init__(self, tool, *options):
        super().__init__([tool, "serve"], "--port", "0", *options)
        self.url = self.expect(r"^listening on (ws://\S+)$")[1]

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.exit_status() == 0


def serve_does_what_its_script_says(tool, _):
    async def echo(url):
        async with websockets.connect(url) as client:
            await client.send("hello")
            assert await client.recv() == "hello"
            return await asyncio.wait_for(client.wait_closed(), PATIENCE) if "?stay" in url else None

    async def close_code(url):
        async with websockets.connect(url) as client:
            await asyncio.wait_for(client.wait_closed(), PATIENCE)
            return client.close_code

    with Server(tool) as server:
        asyncio.run(echo(server.url))
        server.expect("session 1 ended, the client closed with 1000$")
        server.stop()
    with Server(tool, "--script", "drop", "--after", "100ms") as server:
        assert asyncio.run(close_code(server.url)) == 1006
    with Server(tool, "--script", "restart", "--after", "300ms") as server:
        assert asyncio.run(close_code(server.url)) == 1012
        with Program([tool, "watch"], server.url) as client:
            for _ in range(2):
                client.expect("  connected to ")
                client.expect(r"  disconnected \(session: .*1012")
    with Server(tool, "--script", "silence", "--after", "100ms") as server:
        with Program([tool, "watch"], server.url, "-o", "heartbeat.ping_interval=200ms", "-o", "heartbeat.pong_deadline=200ms") as client:
            client.expect(r"  disconnected \(session: .*silent|nothing was heard|no answer")
    with Server(tool, "--script", "refuse", "--status", "429", "--retry-after", "7") as server:
        with Program([tool, "watch"], server.url) as client:
            client.expect(r"HTTP 429.*retry in 7\.\d\d s \[backoff\+retry-after\]")


def watch_speaks_json(tool, _):
    with EchoServer() as server, Program([tool, "watch"], server.url, "--json", stdin=subprocess.PIPE) as client:
        client.say("hello")

        def event(*kinds):
            while True:
                found = json.loads(client.expect(r"^\{.*\}$")[0])
                if found["event"] in kinds:
                    return found

        state = event("state")
        while state["state"] != "connected":
            state = event("state")
        assert state["peer"] == f"127.0.0.1:{server.port}" and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", state["time"]), state
        seen = {each["event"]: each for each in (event("sent", "message"), event("sent", "message"))}
        assert seen["sent"]["outcome"] == "written" and seen["message"]["payload"] == "hello", seen
        client.process.send_signal(signal.SIGUSR1)
        assert 0 < event("round_trip")["seconds"] < PATIENCE
        client.process.send_signal(signal.SIGINT)
        assert event("state")["final"] is True and client.exit_status() == 0


def plot_draws_what_watch_has_seen(tool, _):
    with EchoServer() as server, Program([tool, "watch"], server.url, "--json", "--trace", stdin=subprocess.PIPE) as client, \
            tempfile.TemporaryDirectory() as folder:
        lines = []

        def until(pattern):
            while not re.search(pattern, line := client.expect(r"^\{.*\}$")[0]):
                lines.append(line)
            lines.append(line)

        until('"event":"dial_step".*"stage":"upgrade"')
        until('"event":"state","state":"connected"')
        client.say("hello")
        client.process.send_signal(signal.SIGUSR1)
        until('"event":"round_trip"')
        until('"event":"sample".*"written":1,')
        server.process.kill()
        until('"event":"dial_step".*"outcome":"failed"')
        client.process.send_signal(signal.SIGINT)
        until('"event":"command","name":"close"')
        until('"final":true')
        log = pathlib.Path(folder, "life.jsonl")
        log.write_text("\n".join(lines) + "\n", encoding="utf-8")
        run(tool, "plot", str(log), "--output", f"{folder}/life.svg")
        picture = xml.etree.ElementTree.parse(f"{folder}/life.svg").getroot()
        tips = [each.text for each in picture.iter("{http://www.w3.org/2000/svg}title")]
        for part in "connected at ", "disconnected at ", "upgrade, ", "Connection refused", "1 sent, 0 not", "command: close":
            assert any(part in tip for tip in tips), (part, tips)
        page = run(tool, "plot", str(log), "--title", "a <life>")
        assert "<h1>a &lt;life&gt;</h1>" in page and "<svg " in page


class StatusServer(http.server.BaseHTTPRequestHandler):
    said = []
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = json.dumps(self.said).encode()
        self.send_response(200 if self.path == "/status" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def top_shows_the_connections_the_troubled_ones_first(tool, _):
    one = {"origin": "wss://a.example", "sessions": 1, "connected_share": 0.5, "for": 7200.0}
    StatusServer.said = [one | {"id": 0, "state": "connected", "said": "connected to 10.0.0.1:443", "last_round_trip": 0.0123},
                         one | {"id": 1, "state": "disconnected", "said": "disconnected (\x1b[31mlost)"}]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), StatusServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        lines = run(tool, "top", f"{url}/status", "--once").splitlines()
        assert lines[0] == "2 connections, 1 disconnected, 1 connected", lines
        assert re.search(r"^ +1  disconnected ", lines[2]) and re.search(r"^ +0  connected .*120 min +12\.3 ms +1 +50\.0 %", lines[3]), lines
        assert "\x1b" not in "".join(lines)
        assert "HTTP 404" in run(tool, "top", f"{url}/nothing", "--once", status=1)
        StatusServer.said = {"no": "array"}
        assert "JSON array" in run(tool, "top", f"{url}/status", "--once", status=1)
        server.shutdown()
    assert "refused" in run(tool, "top", f"{url}/status", "--once", status=1)


def lines_of_an_outage_wait_for_its_end(tool, _):
    with EchoServer() as server, Program([tool, "watch"], server.url, stdin=subprocess.PIPE) as client:
        client.expect("  connected to ")
        server.process.kill()
        client.expect("  disconnected ")
        for word in "one", "two", "three":
            client.say(word)
        with EchoServer(server.port):
            for word in "one", "two", "three":
                client.expect(f"  > {word}  written$|  < {word}$")
            client.expect("  < three$")
            client.process.send_signal(signal.SIGINT)
            assert client.exit_status() == 0


def main():
    skip_without_websockets()
    for test in (every_option_is_in_the_help_the_man_page_and_the_completion, wrong_words_are_one_line, explain_shows_the_policy,
                 output_ends_when_the_reader_does, serve_does_what_its_script_says, watch_speaks_json,
                 plot_draws_what_watch_has_seen, top_shows_the_connections_the_troubled_ones_first, lines_of_an_outage_wait_for_its_end):
        print(f"--- {test.__name__}")
        test(sys.argv[1], pathlib.Path(sys.argv[2]))


if __name__ == "__main__":
    main()
