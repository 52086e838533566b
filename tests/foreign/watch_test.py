"""holdfast watch against a server that we did not write: connect, echo, kill it, restart it, Ctrl-C; and its options.

Usage: watch_test.py HOLDFAST, which is the path of the tool.
"""
import http.server
import signal
import subprocess
import sys
import threading

from foreign_server import EchoServer, PATIENCE, Program, skip_without_websockets
from raw_server import CLOSE, TEXT, RawServer, frame


def comes_back_after_the_server_was_killed(watch):
    with EchoServer() as server:
        with Program(watch, server.url, "--send", "hello", "--header", "X-Test: yes",
                     stdin=subprocess.PIPE) as program:
            program.expect(r"  connecting$")
            program.expect(rf"  connected to 127\.0\.0\.1:{server.port}$")
            program.expect(r"  < hello$")
            server.process.kill()  # SIGKILL: it cannot say goodbye
            program.expect(r"  disconnected \(session: .+\), retry in \d+\.\d\d s \[.+\]")
            program.expect(r"  disconnected \(connect to .+: .+\), retry in \d+\.\d\d s \[backoff\]")
            with EchoServer(server.port) as restarted:
                program.expect(r"  connected to ")
                program.expect(r"  < hello$")
                program.say("from stdin")
                program.expect(r"  < from stdin$")
                program.process.send_signal(signal.SIGINT)
                program.expect(r"  disconnected \(.+\), will not retry by itself$")
                assert program.exit_status() == 0
                restarted.expect(r"^closed 1000$")


def terminates_cleanly_when_asked_to_with_sigterm(watch):
    with EchoServer() as server, Program(watch, server.url) as program:
        program.expect("  connected ")
        program.process.terminate()
        assert program.exit_status() == 0
        server.expect(r"^closed 1000$")


def a_final_answer_ends_it_with_status_1(watch):
    class NotFound(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), NotFound)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Program(watch, f"ws://127.0.0.1:{server.server_port}/") as program:
        program.expect(r"  disconnected \(upgrade: .*HTTP 404.*\), will not retry by itself")
        assert program.exit_status() == 1
    server.shutdown()


def what_is_wrong_is_one_line_that_names_the_field(watch):
    url = "ws://127.0.0.1:1/"
    for arguments, field in (([], "URL"),
                             (["http://127.0.0.1/"], "options.url"),
                             (["ws://127.0.0.1:70000/"], "options.url"),
                             (["no url"], "options.url"),
                             ([url, "--header", "Host: elsewhere"], "options.headers"),
                             ([url, "--header", "no colon"], "--header"),
                             ([url, "--ping", "0"], "--ping"),
                             ([url, "--ping", "soon"], "--ping"),
                             ([url, "--ping", "5", "--no-heartbeat"], "--no-heartbeat"),
                             ([url, "--invalid-text", "any"], "--invalid-text"),
                             ([url, "--close-text", "x" * 124], "--close-text"),
                             ([url, "--unknown"], "--unknown"),
                             ([url, "-o", "retry.cap"], "FIELD=VALUE"),
                             ([url, "-o", "retry.lid=1s"], "retry.lid"),
                             ([url, "-o", "retry.cap=soon"], "retry.cap"),
                             ([url, "-o", "retry.cap=1ms"], "options.retry.cap"),
                             ([url, "--token", "a", "--token-env", "HOME"], "--token-env")):
        ended = subprocess.run([*watch, *arguments], capture_output=True, text=True, timeout=PATIENCE)
        print(arguments, "->", ended.stderr, end="")
        assert ended.returncode == 2, (arguments, ended)
        assert ended.stdout == "" and ended.stderr.count("\n") == 1, (arguments, ended)
        assert field in ended.stderr, (arguments, ended)


# covers R75
def once_ends_it_with_the_first_session_or_attempt(watch):
    with EchoServer() as server, Program(watch, server.url, "--once", "--send", "hello") as program:
        program.expect(r"  < hello$")
        server.process.kill()
        program.expect(r"  disconnected \(session: .+\), will not retry by itself")
        assert program.exit_status() == 1
    with Program(watch, server.url, "--once") as program:
        program.expect(r"  disconnected \(connect to .+: .+\), will not retry by itself")
        assert program.exit_status() == 1


# covers R67
def text_that_is_no_utf8_is_treated_as_told(watch):
    with RawServer(frame(TEXT, b"ab\xffcd")) as server:
        with Program(watch, server.url, "--invalid-text", "replace") as program:
            program.expect("  < ab\N{REPLACEMENT CHARACTER}cd$")
        with Program(watch, server.url, "--invalid-text", "binary") as program:
            program.expect("  < 5 bytes, binary$")
        with Program(watch, server.url, "--invalid-text", "strict", "--once") as program:
            program.expect(r"  disconnected \(session: .*UTF-8")
            assert program.exit_status() == 1


# covers R66
def messages_are_thrown_away_if_nobody_wants_them(watch):
    with RawServer(frame(TEXT, b"unwanted")) as server:
        with Program(watch, server.url, "--no-messages", "--send", "hello") as program:
            assert server.received.get(timeout=PATIENCE) == (TEXT, b"hello")
            program.process.terminate()
            lines = list(iter(lambda: program.lines.get(timeout=PATIENCE), None))
            assert program.exit_status() == 0
            assert any("  connected " in line for line in lines), lines
            assert not any("unwanted" in line for line in lines), lines


# covers R61
def the_server_is_told_the_close_text(watch):
    with RawServer() as server, Program(watch, server.url, "--close-text", "gone fishing") as program:
        program.expect("  connected ")
        program.process.terminate()
        assert program.exit_status() == 0
        assert server.received.get(timeout=PATIENCE) == (CLOSE, b"\x03\xe8gone fishing")


def main():
    skip_without_websockets()
    for test in (comes_back_after_the_server_was_killed,
                 terminates_cleanly_when_asked_to_with_sigterm,
                 a_final_answer_ends_it_with_status_1,
                 once_ends_it_with_the_first_session_or_attempt,
                 text_that_is_no_utf8_is_treated_as_told,
                 messages_are_thrown_away_if_nobody_wants_them,
                 the_server_is_told_the_close_text,
                 what_is_wrong_is_one_line_that_names_the_field):
        print(f"--- {test.__name__}")
        test([sys.argv[1], "watch"])


main()
