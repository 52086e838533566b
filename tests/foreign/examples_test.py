"""The examples that need a server, run against one that we did not write.

Usage: examples_test.py DIRECTORY, which is where the programs are.
"""
import pathlib
import signal
import sys

from foreign_server import EchoServer, Program, skip_without_websockets


def first_program(path, server):
    with Program(path, server.url) as program:
        program.expect("^connecting$")
        program.expect("^connected to ")
        program.expect("^received: hello$")
        program.process.send_signal(signal.SIGINT)
        program.expect("^disconnected .*, will not retry by itself$")
        assert program.exit_status() == 0
        server.expect("^closed 1000$")
    with Program(path, "no url") as program:
        program.expect(r"^options\.url: ")
        assert program.exit_status() == 2


def callbacks(path, server):
    with Program(path, server.url) as program:
        program.expect("^connected to ")
        for number in 1, 2, 3:
            program.expect(f"^received: line {number}$")
        program.expect(r"^round trip: [\d.e-]+ ms$")
        program.expect("^closed$")
        assert program.exit_status() == 0
        server.expect("^closed 1000$")


def consumer(path, server):
    with Program(path, server.url) as program:
        assert program.exit_status() == 0
        server.expect("^closed 1000$")


def main():
    skip_without_websockets()
    for example in first_program, callbacks, consumer:
        print(f"--- {example.__name__}")
        with EchoServer() as server:
            example(str(pathlib.Path(sys.argv[1], example.__name__)), server)


main()
