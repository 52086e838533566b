"""holdfast watch through proxies that we did not write: tinyproxy and microsocks, with and without a password.

Usage: proxies_test.py HOLDFAST, which is the path of the tool.
"""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from front_servers import free_ports
from foreign_server import EchoServer, PATIENCE, Program, skip_without_websockets

USER, PASSWORD = "user", "hunter2"
SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # where Debian has servers
TINYPROXY = shutil.which("tinyproxy", path=SEARCHED)
MICROSOCKS = shutil.which("microsocks", path=SEARCHED)


class Proxy(Program):
    """A proxy on a port of the loopback interface, ready to be used; `with_password`: not by everybody."""

    scheme = None

    def __init__(self, with_password, port=None):
        self.with_password = with_password
        self.port = port or free_ports(1)[0]
        super().__init__(*self.command())
        self._wait_until_it_listens()

    def command(self):
        raise NotImplementedError

    def _wait_until_it_listens(self):
        end = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            assert self.process.poll() is None, f"{self.name} has ended"
            assert time.monotonic() < end, f"{self.name} does not listen"
            time.sleep(0.02)

    def url(self, password=PASSWORD):
        credentials = f"{USER}:{password}@" if self.with_password else ""
        return f"{self.scheme}://{credentials}127.0.0.1:{self.port}"

    def restarted(self):
        return type(self)(self.with_password, self.port)


class Tinyproxy(Proxy):
    scheme = "http"

    def command(self):
        self.directory = tempfile.TemporaryDirectory()
        settings = pathlib.Path(self.directory.name, "tinyproxy.conf")
        password = f"BasicAuth {USER} {PASSWORD}\n" if self.with_password else ""
        settings.write_text(f"Port {self.port}\nListen 127.0.0.1\nTimeout 600\nMaxClients 20\n{password}",
                            encoding="ascii")
        return TINYPROXY, "-d", "-c", str(settings)

    def __exit__(self, *ended):
        super().__exit__(*ended)
        self.directory.cleanup()


class Microsocks(Proxy):
    scheme = "socks5"

    def command(self):
        password = ("-u", USER, "-P", PASSWORD) if self.with_password else ()
        return MICROSOCKS, "-i", "127.0.0.1", "-p", str(self.port), *password


def expect_without_password(program, pattern):
    found = program.expect(pattern)
    assert PASSWORD not in found.string, found.string


def connects_and_echoes(watch, make):
    for with_password in False, True:
        with EchoServer() as server, make(with_password) as proxy:
            with Program(watch, server.url, "--proxy", proxy.url(), "--send", "hello") as program:
                program.expect(r"  connected to ")
                program.expect(r"  < hello$")
                proxy.process.kill()  # if it ends with the proxy, it went through the proxy
                program.expect(r"  disconnected \(session: ")


def comes_back_after_the_proxy_was_killed(watch, make):
    with EchoServer() as server, make(True) as proxy:
        with Program(watch, server.url, "--proxy", proxy.url(), "--send", "hello") as program:
            program.expect(r"  < hello$")
            proxy.process.kill()
            proxy.process.wait()
            expect_without_password(program, r"  disconnected \(session: .+\), retry in ")
            expect_without_password(program, r"  disconnected \(proxy [^ ]+: .+\), retry in ")
            with proxy.restarted():
                program.expect(r"  connected to ")
                program.expect(r"  < hello$")
                program.process.terminate()
                assert program.exit_status() == 0


def a_wrong_password_is_reported_as_such(watch, make):
    with EchoServer() as server, make(True) as proxy:
        proxy_without_password = f"{proxy.scheme}://127.0.0.1:{proxy.port}"
        for url in proxy.url(PASSWORD + "x"), proxy_without_password:
            with Program(watch, server.url, "--proxy", url) as program:
                expect_without_password(
                    program, r"  disconnected \(proxy [^ ]+: proxy refused the credentials, or requires some")


def a_server_that_cannot_be_reached_is_reported_as_such(watch, make):
    with make(False) as proxy:
        with Program(watch, f"ws://127.0.0.1:{free_ports(1)[0]}/", "--proxy", proxy.url()) as program:
            program.expect(r"  disconnected \(proxy [^ ]+: proxy refused to connect to the server")


def a_proxy_of_the_environment_is_not_for_this_machine(watch):
    os.environ["all_proxy"] = f"http://127.0.0.1:{free_ports(1)[0]}"
    try:
        with EchoServer() as server, Program(watch, server.url, "--send", "hello") as program:
            program.expect(r"  < hello$")
    finally:
        del os.environ["all_proxy"]


@contextlib.contextmanager
def all_proxy(value):
    """The variable for the programs started meanwhile, and no other that would come before it."""
    others = {name: os.environ.pop(name, None) for name in
              ("all_proxy", "https_proxy", "HTTPS_PROXY", "http_proxy", "no_proxy", "NO_PROXY", "ALL_PROXY")}
    os.environ["ALL_PROXY"] = value
    try:
        yield
    finally:
        del os.environ["ALL_PROXY"]
        os.environ.update({name: was for name, was in others.items() if was is not None})


# The name has no address: only a proxy that is asked can say that it does not reach it.
ELSEWHERE = "wss://chat.invalid/"


# covers R57
def the_variable_of_a_desktop_is_understood(watch):
    with Microsocks(False) as proxy:
        for value in (f"socks://127.0.0.1:{proxy.port}/", f"SOCKS5://127.0.0.1:{proxy.port}",
                      f"  socks5h://127.0.0.1:{proxy.port}// "):
            with all_proxy(value), Program(watch, ELSEWHERE) as program:
                program.expect(rf"  disconnected \(proxy 127\.0\.0\.1:{proxy.port}: proxy refused to connect")


# covers R57
def a_variable_of_no_use_is_passed_over_with_one_warning(watch):
    for value in (f"socks4://{USER}:{PASSWORD}@127.0.0.1:1", f"https://{USER}:{PASSWORD}@127.0.0.1:1",
                  f"http://{USER}:{PASSWORD}/@127.0.0.1", PASSWORD + " \x01\xff"):
        with all_proxy(value), Program(watch, ELSEWHERE) as program:
            lines = []
            while sum("  disconnected " in line for line in lines) < 2:  # two attempts
                lines.append(program.lines.get(timeout=PATIENCE))
                assert lines[-1] is not None, lines
            warnings = [line for line in lines if "ALL_PROXY is ignored" in line]
            assert len(warnings) == 1, lines
            assert not any(PASSWORD in line for line in lines), lines
            assert all("(resolve: " in line for line in lines if "  disconnected " in line), lines


def a_wrong_url_is_one_line_that_names_the_field(watch):
    for url in f"https://{USER}:{PASSWORD}@127.0.0.1", f"http://{USER}:{PASSWORD}/@127.0.0.1", "socks5://":
        ended = subprocess.run([*watch, "ws://127.0.0.1:1/", "--proxy", url], capture_output=True, text=True,
                               timeout=PATIENCE)
        print(url, "->", ended.stderr, end="")
        assert ended.returncode == 2, ended
        assert ended.stdout == "" and ended.stderr.count("\n") == 1, ended
        assert "options.proxy.url" in ended.stderr and PASSWORD not in ended.stderr, ended


def main():
    skip_without_websockets()
    if TINYPROXY is None or MICROSOCKS is None:
        print("skipped: this machine has no tinyproxy or no microsocks (Debian packages of these names)")
        sys.exit(77)
    for test in (connects_and_echoes,
                 comes_back_after_the_proxy_was_killed,
                 a_wrong_password_is_reported_as_such,
                 a_server_that_cannot_be_reached_is_reported_as_such):
        for make in Tinyproxy, Microsocks:
            print(f"--- {test.__name__}: {make.__name__}")
            test([sys.argv[1], "watch"], make)
    for test in (a_proxy_of_the_environment_is_not_for_this_machine,
                 the_variable_of_a_desktop_is_understood,
                 a_variable_of_no_use_is_passed_over_with_one_warning,
                 a_wrong_url_is_one_line_that_names_the_field):
        print(f"--- {test.__name__}")
        test([sys.argv[1], "watch"])


if __name__ == "__main__":
    main()
