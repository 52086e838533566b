"""wss:// to servers that we did not write, nginx, haproxy and OpenSSL: whom it trusts, what it says if not, and coming back.

Usage: tls_test.py HOLDFAST, which is the path of the tool.
"""
import contextlib
import dataclasses
import pathlib
import subprocess
import sys
import tempfile

from certificates import Certificates
from foreign_server import EchoServer, PATIENCE, skip_without_websockets
from front_servers import Haproxy, Nginx, free_ports, skip_without
from openssl_server import OpensslServer
from watch_program import Watch

# Each is a port of its own: the certificate that it shows, and further settings.
NGINX = {
    "good": ("server", ""),
    "with root": ("server_with_root", ""),
    "expired": ("expired", ""),
    "not yet valid": ("not_yet_valid", ""),
    "other host": ("other_host", ""),
    "self-signed": ("self_signed", ""),
    "TLS 1.2": ("server", "ssl_protocols TLSv1.2;"),
    "TLS 1.1": ("server", "ssl_protocols TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0;"),
    "no such name": ("server", "ssl_reject_handshake on;"),
    "wants ours": ("server", "ssl_verify_client on; ssl_client_certificate AUTHORITY;"),
}
HAPROXY = {
    "TLS 1.3 wants ours": "verify required ssl-min-ver TLSv1.3",
    "TLS 1.2 wants ours": "verify required ssl-max-ver TLSv1.2",
    "good": "alpn h2,http/1.1",
}
IN_A_WHILE = r", retry in (\d+\.\d\d) s \[certificate\]"
SOON = r", retry in \d+\.\d\d s \[backoff\]"
NEVER = r", will not retry by itself \[.+\]"


def nginx_servers(ports, certificates, echo_port):
    out = f"server {{ listen 127.0.0.1:{ports['plain']}; location / {{ proxy_pass http://127.0.0.1:{echo_port}; }} }}"
    for name, (identity, settings) in NGINX.items():
        shown = getattr(certificates, identity)
        settings = settings.replace("AUTHORITY", certificates.authority.certificate)
        out += f"""
            server {{
              listen 127.0.0.1:{ports[name]} ssl;
              ssl_certificate {shown.certificate}; ssl_certificate_key {shown.key};
              {settings}
              location / {{ proxy_pass http://127.0.0.1:{echo_port}; }}
            }}"""
    return out


def haproxy_proxies(ports, certificates, echo_port):
    out = f"backend echo\n  server echo 127.0.0.1:{echo_port}\n"
    for name, settings in HAPROXY.items():
        out += (f"frontend {name.replace(' ', '-')}\n  default_backend echo\n"
                f"  bind 127.0.0.1:{ports[name]} ssl crt {certificates.server.both}"
                f" ca-file {certificates.authority.certificate} {settings}\n")
    return out


@dataclasses.dataclass
class World:
    """The servers of a test, all in front of the same echo server."""

    certificates: Certificates
    echo: EchoServer
    nginx: Nginx
    nginx_ports: dict
    haproxy_ports: dict

    @property
    def trust(self):
        return "--ca", self.certificates.authority.certificate

    def behind_nginx(self, name, scheme="wss", host="127.0.0.1"):
        return f"{scheme}://{host}:{self.nginx_ports[name]}/"

    def behind_haproxy(self, name, scheme="wss"):
        return f"{scheme}://127.0.0.1:{self.haproxy_ports[name]}/"


@contextlib.contextmanager
def make_world(certificates):
    nginx_ports = dict(zip(("plain", *NGINX), free_ports(len(NGINX) + 1)))
    haproxy_ports = dict(zip(HAPROXY, free_ports(len(HAPROXY))))
    with (EchoServer() as echo,
          Nginx(nginx_servers(nginx_ports, certificates, echo.port), nginx_ports.values()) as nginx,
          Haproxy(haproxy_proxies(haproxy_ports, certificates, echo.port), haproxy_ports.values())):
        yield World(certificates, echo, nginx, nginx_ports, haproxy_ports)


def connects_and_echoes(watch, world):
    long = "x" * 20_000  # more than a record of TLS holds
    for url in (world.behind_nginx("good"), world.behind_nginx("good", host="localhost"),
                world.behind_nginx("TLS 1.2"), world.behind_haproxy("good")):
        with Watch(watch, *world.trust, "--send", "hello", "--send", long, url) as program:
            program.expect_outcome(r"connected to 127\.0\.0\.1:\d+")
            program.expect_echo("hello")
            program.expect_echo(long)
            program.close()
            world.echo.expect("^closed 1000$")


def asks_for_the_host_by_its_name_but_not_by_its_address(watch, world):
    for host, sni in ("localhost", "localhost"), ("127.0.0.1", "-"):
        with Watch(watch, *world.trust, world.behind_nginx("good", host=host) + sni) as program:
            program.expect_outcome("connected to .+")
            program.close()
            world.nginx.expect_request(uri=f"/{sni}", status="101", tls=r"TLSv1\.3", sni=sni)


def is_refused(watch, options, url, error, detail=".+"):
    with Watch(watch, *options, url) as program:
        wait = program.expect_outcome(rf'disconnected \(tls: {error} "{detail}"\){IN_A_WHILE}')[1]
        assert float(wait) >= 15, wait


def refuses_a_server_that_it_cannot_trust_and_says_why(watch, world):
    stranger = "--ca", world.certificates.other_authority.certificate
    unknown_issuer = "issuer of the server's certificate is not trusted"
    self_signed = "server's certificate is self-signed"
    expired = "server's certificate has expired or is not valid yet"
    for options, name, error in (((), "good", unknown_issuer),
                                 (stranger, "good", unknown_issuer),
                                 ((), "with root", self_signed),
                                 ((), "self-signed", self_signed),
                                 (world.trust, "self-signed", self_signed),
                                 (world.trust, "expired", expired),
                                 (world.trust, "not yet valid", expired),
                                 (world.trust, "other host", "server's certificate is for another host name")):
        is_refused(watch, options, world.behind_nginx(name), error)


def trusts_whoever_answers_if_it_is_told_to(watch, world):
    for name in "good", "self-signed", "expired", "other host":
        with Watch(watch, "--insecure", "--send", "hello", world.behind_nginx(name)) as program:
            program.expect_outcome("connected to .+")
            program.expect_echo("hello")


def haproxy_wants_a_client_certificate(watch, world):
    foreign, ours = world.certificates.foreign_client, world.certificates.client
    expired = world.certificates.authority.issues("expired-client", "clientAuth", "DNS:client.example", last_day=-1)
    for name, missing in ("TLS 1.3 wants ours", "certificate required"), ("TLS 1.2 wants ours", "handshake failure"):
        url = world.behind_haproxy(name)
        refused = "server refused our client certificate, or requires one"
        for options, alert in (((), missing),
                               (("--cert", foreign.both), "unknown ca"),
                               (("--cert", expired.both), "certificate expired")):
            is_refused(watch, (*world.trust, *options), url, refused, f"TLS alert {alert}")
        for options in (("--cert", ours.certificate, "--key", ours.key), ("--cert", ours.both)):
            with Watch(watch, *world.trust, *options, "--send", "hello", url) as program:
                program.expect_outcome("connected to .+")
                program.expect_echo("hello")


def nginx_wants_a_client_certificate(watch, world):
    """It accepts the handshake with any, and with none, and says what it thinks of it as an answer to the request."""
    foreign, ours = world.certificates.foreign_client, world.certificates.client
    url = world.behind_nginx("wants ours")
    for options, said in (((), "No required SSL certificate was sent"),
                          (("--cert", foreign.certificate, "--key", foreign.key), "The SSL certificate error")):
        with Watch(watch, *world.trust, *options, url) as program:
            program.expect_outcome(rf'disconnected \(upgrade: .+, HTTP 400 ".*{said}.*"\){NEVER}')
            program.expect_end_with_status_1()
    with Watch(watch, *world.trust, "--cert", ours.certificate, "--key", ours.key, url) as program:
        program.expect_outcome("connected to .+")


def openssl_server(certificates, *options):
    return OpensslServer(certificates.server, certificates.authority.certificate, *options)


def shows_its_certificate_whenever_it_is_asked(watch, world):
    """Before the answer to the upgrade, as for a part of a server's paths, and in the open session."""
    with openssl_server(world.certificates, "-tls1_3") as server:
        with Watch(watch, *world.trust, "--cert", world.certificates.client.both, server.url) as program:
            key = server.expect_request()
            server.command("c")
            server.expect("depth=0 CN ?= ?client$")
            server.expect("verify return:1$")
            server.upgrade(key)
            program.expect_outcome("connected to .+")
            server.command("c")
            server.expect("depth=0 CN ?= ?client$")
            server.say("still here")
            program.expect_echo("still here")


def changes_keys_with_the_server(watch, world):
    with openssl_server(world.certificates, "-tls1_3", "-msg") as server:
        with Watch(watch, *world.trust, server.url) as program:
            server.upgrade(server.expect_request())
            program.expect_outcome("connected to .+")
            for letter in "kKK":
                server.command(letter)
                server.expect(">>> TLS 1.3, Handshake .*KeyUpdate")
                if letter == "K":
                    server.expect("<<< TLS 1.3, Handshake .*KeyUpdate")  # by itself: nothing is sent
                server.say("new keys")
                program.expect_echo("new keys")


def says_that_it_does_not_negotiate_anew(watch, world):
    wanted = 'server requested TLS 1.2 renegotiation.* "the server requested TLS 1.2 renegotiation .+"'
    options = *world.trust, "--cert", world.certificates.client.both
    with openssl_server(world.certificates, "-tls1_2") as server, Watch(watch, *options, server.url) as program:
        server.expect_request()
        server.command("R")
        program.expect_outcome(rf"disconnected \(tls: {wanted}\), retry in .+")
    with openssl_server(world.certificates, "-tls1_2") as server, Watch(watch, *options, server.url) as program:
        server.upgrade(server.expect_request())
        program.expect_outcome("connected to .+")
        server.command("r")
        program.expect_outcome(rf"disconnected \(session: {wanted}\), retry in .+")


def continues_its_tls_session_when_it_comes_back(watch, certificates):
    for name, version in ("good", r"TLSv1\.3"), ("TLS 1.2", r"TLSv1\.2"):
        with make_world(certificates) as world, Watch(watch, *world.trust, world.behind_nginx(name)) as program:
            program.expect_outcome("connected to .+")
            world.echo.process.kill()
            world.nginx.expect_request(status="101", tls=version, resumed=r"\.")
            program.expect_outcome(r"disconnected \(session: .+\), retry in .+")
            program.expect_outcome(r"disconnected \(upgrade: .+, HTTP 502 .+\), retry in .+")
            world.nginx.expect_request(status="502", tls=version, resumed="r")


def comes_back_after_the_server_was_killed(watch, certificates):
    for name in "good", "TLS 1.2":
        with make_world(certificates) as world:
            with Watch(watch, *world.trust, "--send", "hello", world.behind_nginx(name)) as program:
                program.expect_outcome("connected to .+")
                program.expect_echo("hello")
                world.nginx.kill()
                program.expect_outcome(r"disconnected \(session: .+\), retry in .+")
                program.expect_outcome(rf"disconnected \(connect.*: .+\){SOON}")
                with world.nginx.started_anew() as restarted:  # which knows nothing of the sessions of the other
                    program.expect("  connected to .+")
                    program.expect_echo("hello")
                    program.close()
                    restarted.expect_request(status="101", resumed=r"\.")


def a_port_that_speaks_no_tls_is_one_clear_line(watch, world):
    with Watch(watch, *world.trust, world.behind_nginx("plain")) as program:
        program.expect_outcome(rf'disconnected \(tls: TLS failed ".+ does not seem to speak TLS"\){SOON}')
    with Watch(watch, *world.trust, f"wss://127.0.0.1:{world.echo.port}/") as program:
        program.expect_outcome(rf"disconnected \(tls: .+\){SOON}")  # some versions answer with HTTP, others not at all


def a_port_that_speaks_tls_only_is_one_clear_line(watch, world):
    with Watch(watch, world.behind_nginx("good", scheme="ws")) as program:
        said = "The plain HTTP request was sent to HTTPS port"
        program.expect_outcome(rf'disconnected \(upgrade: .+, HTTP 400 ".*{said}.*"\){NEVER}')
        program.expect_end_with_status_1()
    with Watch(watch, world.behind_haproxy("good", scheme="ws")) as program:
        program.expect_outcome(rf"disconnected \(upgrade: .+\){SOON}")


def a_handshake_that_cannot_succeed_is_one_clear_line(watch, world):
    for name in "TLS 1.1", "no such name":
        with Watch(watch, *world.trust, world.behind_nginx(name)) as program:
            program.expect_outcome(rf'disconnected \(tls: TLS failed ".+"\){SOON}')


def a_file_that_cannot_be_used_is_one_line_that_names_the_field(watch, world):
    ours, foreign = world.certificates.client, world.certificates.foreign_client
    for options, field in ((("--ca", "/no/such/file"), "options.tls.ca_file"),
                           (("--ca", ours.key), "options.tls.ca_file"),
                           (("--cert", "/no/such/file"), "options.tls.certificate_file"),
                           (("--cert", ours.certificate, "--key", foreign.key), "options.tls.key_file")):
        ended = subprocess.run([*watch, *options, world.behind_nginx("good")], capture_output=True, text=True,
                               timeout=PATIENCE)
        print(options, "->", ended.stderr, end="")
        assert ended.returncode == 2 and ended.stdout == "", ended
        assert ended.stderr.count("\n") == 1 and field in ended.stderr, (field, ended)


def main():
    skip_without_websockets()
    skip_without("nginx", "haproxy", "openssl")
    watch = [sys.argv[1], "watch"]
    with tempfile.TemporaryDirectory() as directory:
        certificates = Certificates(pathlib.Path(directory))
        with make_world(certificates) as world:
            for test in (connects_and_echoes,
                         asks_for_the_host_by_its_name_but_not_by_its_address,
                         refuses_a_server_that_it_cannot_trust_and_says_why,
                         trusts_whoever_answers_if_it_is_told_to,
                         haproxy_wants_a_client_certificate,
                         nginx_wants_a_client_certificate,
                         shows_its_certificate_whenever_it_is_asked,
                         changes_keys_with_the_server,
                         says_that_it_does_not_negotiate_anew,
                         a_port_that_speaks_no_tls_is_one_clear_line,
                         a_port_that_speaks_tls_only_is_one_clear_line,
                         a_handshake_that_cannot_succeed_is_one_clear_line,
                         a_file_that_cannot_be_used_is_one_line_that_names_the_field):
                print(f"--- {test.__name__}")
                test(watch, world)
        for test in continues_its_tls_session_when_it_comes_back, comes_back_after_the_server_was_killed:
            print(f"--- {test.__name__}")
            test(watch, certificates)


if __name__ == "__main__":
    main()
