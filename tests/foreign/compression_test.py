"""permessage-deflate with a server that we did not write: what goes there and back is what it was.

Usage: compression_test.py COMPRESSED_ECHO HOLDFAST, which are the paths of the programs.
"""
import signal
import sys

from foreign_server import EchoServer, Program, skip_without_websockets


def everything_comes_back(echo, server_options, client_options, agreed):
    with EchoServer(0, *server_options) as server, Program(echo, server.url, *client_options) as program:
        extensions = server.expect(r"^extensions (.*)$")[1]
        for each in agreed:
            assert each in extensions, (each, extensions)
        program.expect(r"^echoed 72, wrong 0, sessions 1$")
        assert program.exit_status() == 0
        server.expect(r"^closed 1000$")


def watch_compresses_when_asked_to(watch):
    for options, agreed in ((["--compress"], "PerMessageDeflate"), ([], r"\[\]")):
        with EchoServer() as server, Program(watch, server.url, "--send", "echo " * 100, *options) as program:
            server.expect(f"^extensions .*{agreed}")
            program.expect(r"  < echo echo ")
            program.process.send_signal(signal.SIGINT)
            assert program.exit_status() == 0
            server.expect(r"^closed 1000$")


def main():
    skip_without_websockets()
    echo, watch = sys.argv[1], [sys.argv[2], "watch"]
    for server_options, client_options, agreed in (
            ([], [], ["remote_no_context_takeover=False", "local_no_context_takeover=False"]),
            (["--no-takeover"], [], ["remote_no_context_takeover=True", "local_no_context_takeover=True"]),
            (["--window-bits", "9"], [], ["remote_max_window_bits=9", "local_max_window_bits=9"]),
            ([], ["10"], ["remote_max_window_bits=10", "local_max_window_bits=10"]),
            (["--no-takeover", "--window-bits", "12"], ["9"], ["remote_max_window_bits=9", "local_max_window_bits=9"])):
        print(f"--- everything_comes_back {server_options} {client_options}")
        everything_comes_back(echo, server_options, client_options, agreed)
    print("--- watch_compresses_when_asked_to")
    watch_compresses_when_asked_to(watch)


main()
