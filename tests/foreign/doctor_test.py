"""holdfast doctor against servers that we did not write: what it says of a good dial, and of each kind of failure.

Usage: doctor_test.py HOLDFAST, which is the path of the tool.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import tls_test
import upgrade_answers_test
from certificates import Certificates
from foreign_server import EchoServer, PATIENCE, skip_without_websockets
from front_servers import free_ports, skip_without
from proxies_test import MICROSOCKS, TINYPROXY, Microsocks, PASSWORD, Tinyproxy


class Findings:
    """What it has printed, and how it has ended."""

    def __init__(self, tool, *arguments, environment=()):
        done = subprocess.run([tool, "doctor", *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env={**os.environ, **dict(environment)})
        print(done.stdout, done.stderr, sep="", end="", flush=True)
        self.status, self.text, self.talk = done.returncode, done.stdout, done.stderr

    def say(self, word, pattern):
        found = re.search(rf"^ *{word} +.*{pattern}", self.text, re.MULTILINE)
        assert found, f"no line {word!r} with {pattern!r} in:\n{self.text}"
        return self

    def are_good(self):
        assert self.status == 0 and self.talk == "", self.status
        return self.say("round trip", r"\d+\.\d ms").say("verdict", "it works")

    def are_bad(self, wrong, what_to_do, program):
        assert self.status == 1, self.status
        return self.say("wrong", wrong).say("what to do", what_to_do).say("a program", program)


def a_good_dial_is_told_from_the_url_to_the_round_trip(tool):
    with EchoServer() as server:
        found = Findings(tool, f"ws://localhost:{server.port}/", "--subprotocol", "chat").are_good()
        found.say("url", rf"ws://localhost:{server.port}$").say("proxy", "none$")
        found.say("resolve", r"localhost: .*127\.0\.0\.1.* ms\)").say("connect", rf"127\.0\.0\.1:{server.port}: connected")
        found.say("upgrade", "HTTP 101 of ws://localhost")


def names_and_addresses(tool):
    nobody = free_ports(1)[0]
    Findings(tool, "ws://no-such-host.invalid/").are_bad("resolve: ", "spelling of the host", "would try again after .*backoff")
    found = Findings(tool, f"ws://127.0.0.1:{nobody}/")
    found.are_bad("Connection refused", "Nothing listens at this port", "would try again after .*backoff")
    found.say("connect", rf"127\.0\.0\.1:{nobody}: Connection refused")


def certificates_of_a_server(tool):
    with tempfile.TemporaryDirectory() as directory, tls_test.make_world(Certificates(pathlib.Path(directory))) as world:
        found = Findings(tool, *world.trust, world.behind_nginx("good")).are_good()
        found.say("tls", r"TLSv1\.3, TLS_AES_\w+ \(").say("certificate", r"CN=server, for localhost, from \S+ to \S+$")
        found.say("issued by", "CN=authority-itself")
        for name, wrong, what_to_do in (("expired", "has expired", "Renew"),
                                        ("not yet valid", "not valid yet", "clock"),
                                        ("other host", "another host name", "for other names"),
                                        ("self-signed", "self-signed", "--ca FILE")):
            found = Findings(tool, *world.trust, world.behind_nginx(name))
            found.are_bad(f"tls: .*{wrong}", what_to_do, "would try again after (1[5-9]|2\d|30)\.\d\d s .certificate.")
            found.say("certificate", "CN=")
        Findings(tool, world.behind_nginx("good")).are_bad("tls: issuer .* not trusted", "--ca FILE", "certificate")
        Findings(tool, *world.trust, world.behind_haproxy("TLS 1.3 wants ours")).are_bad("client certificate", "--cert FILE", "certificate")
        Findings(tool, *world.trust, world.behind_nginx("good", scheme="ws")).are_bad("upgrade: ", "begins with wss://|not take this request", ".")
        Findings(tool, *world.trust, world.behind_nginx("plain")).are_bad("tls: TLS failed", "begins with ws://", "backoff")


def answers_to_the_upgrade(tool):
    with upgrade_answers_test.make_world() as world:
        Findings(tool, world.url("/moved")).are_good()
        Findings(tool, world.url("/named")).are_good().say("header", "X-Node: n1")
        never = "would not try again"
        Findings(tool, world.url("/missing")).are_bad("HTTP 404", "nothing at this path", f"{never} .fatal-http-status")
        Findings(tool, world.url("/login")).are_bad("HTTP 401", "--token-file", f"{never} .unauthorized")
        Findings(tool, world.url("/busy")).are_bad("HTTP 503", "overloaded", "would try again after")
        Findings(tool, world.url("/too-often")).are_bad("HTTP 429", "how often", r"would try again after (9\d|10\d)\.\d\d s .backoff.retry-after.")
        Findings(tool, world.url("/page")).are_bad("HTTP 200", "answer says why", "would try again after")
        Findings(tool, world.url("/round")).are_bad("redirect was not followed", "Use the URL", "redirect-refused")
        Findings(tool, world.url("/speaks-another"), "--subprotocol", "chat").are_bad("subprotocol", "-o subprotocol=any", never)
        for source in (("--token", "good"), ("--token-env", "TOKEN"), ("--token-command", "echo good"), ("--token-file", "FILE")):
            with tempfile.NamedTemporaryFile("w") as file:
                file.write("good\n")
                file.flush()
                words = [file.name if word == "FILE" else word for word in source]
                Findings(tool, world.url("/members"), *words, environment={"TOKEN": "good"}.items()).are_good()
        Findings(tool, world.url("/members"), "--token-command", "exit 3").are_bad("provider: ", "Run the command", "backoff")


def proxies(tool):
    if TINYPROXY is None or MICROSOCKS is None:
        print("skipped: this machine has no tinyproxy or no microsocks")
        return
    nobody = free_ports(1)[0]
    with EchoServer() as server:
        for make in Tinyproxy, Microsocks:
            with make(with_password=True) as proxy:
                found = Findings(tool, server.url, "--proxy", proxy.url()).are_good()
                found.say("proxy", rf"127\.0\.0\.1:{proxy.port}, with a user name, as asked for$")
                assert PASSWORD not in found.text
                Findings(tool, server.url, "--proxy", proxy.url("wrong")).are_bad("proxy refused the credentials", "user name and a password", "proxy-unauthorized")
                Findings(tool, f"ws://127.0.0.1:{nobody}/", "--proxy", proxy.url()).are_bad("proxy refused to connect|proxy refused", "The proxy works", "backoff")
        variables = {"http_proxy": f"http://127.0.0.1:{nobody}"}.items()
        found = Findings(tool, "ws://192.0.2.1/", environment=variables)
        found.are_bad("proxy ", "proxy itself cannot be reached", "backoff").say("proxy", "because the variable http_proxy says so")
        listed = Findings(tool, "ws://192.0.2.1/", "-o", "deadlines.connect=200ms", environment=[*variables, ("no_proxy", "192.0.2.1")])
        listed.are_bad("connect", ".", "backoff").say("proxy", "none, because NO_PROXY lists the server")


def what_is_wrong_is_one_line(tool):
    for arguments, field in (([], "URL"), (["http://a/"], "options.url"), (["ws://a/", "--also", "ws://b/"], "--also"), (["wss://a/", "--ca", "/no/such"], "options.tls.ca_file")):
        done = subprocess.run([tool, "doctor", *arguments], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and field in done.stderr, done


def main():
    skip_without_websockets()
    skip_without("nginx", "haproxy", "openssl")
    for test in (a_good_dial_is_told_from_the_url_to_the_round_trip, names_and_addresses, certificates_of_a_server,
                 answers_to_the_upgrade, proxies, what_is_wrong_is_one_line):
        print(f"--- {test.__name__}")
        test(sys.argv[1])


if __name__ == "__main__":
    main()
