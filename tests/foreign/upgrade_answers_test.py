"""What servers that we did not write, nginx and Python's websockets, may answer to the upgrade, and what follows.
Last, answers byte for byte that neither of them gives.

Usage: upgrade_answers_test.py HOLDFAST, which is the path of the tool.
"""
import base64
import contextlib
import dataclasses
import email.utils
import hashlib
import pathlib
import re
import socket
import socketserver
import sys
import tempfile
import threading
import time

from certificates import Certificates
from foreign_server import EchoServer, skip_without_websockets
from front_servers import Nginx, free_ports, skip_without
from watch_program import Watch

LOCATIONS = """
  location / { proxy_pass http://127.0.0.1:ECHO; }
  location /named { proxy_pass http://127.0.0.1:ECHO; add_header X-Node n1 always; }
  location /down { proxy_pass http://127.0.0.1:NOBODY; }
  location /missing { return 404; }
  location /busy { add_header Retry-After 2 always; return 503; }
  location /too-often { add_header Retry-After "IN_100_SECONDS" always; return 429; }
  location /login { return 401; }
  location /members { if ($http_authorization != "Bearer good") { return 401; } proxy_pass http://127.0.0.1:ECHO; }
  location /page { default_type text/html; return 200 "<title>Please sign in</title>"; }
  location /film { root DIRECTORY; }
  location /moved { return 301 /here; }
  location /moved/relative { absolute_redirect off; return 308 ../here; }
  location /moved/to-other-port { return 307 http://127.0.0.1:OTHER/here; }
  location /moved/to-ws { return 302 ws://127.0.0.1:OTHER/here; }
  location /moved/nowhere { return 302 "http://"; }
  location /round { return 302 /and-round; }
  location /and-round { return 302 /round; }
  location /speaks-another {
    proxy_pass http://127.0.0.1:ECHO;
    proxy_hide_header Sec-WebSocket-Protocol;
    add_header Sec-WebSocket-Protocol other always;
  }
"""
NEVER = r", will not retry by itself"


def nginx_servers(ports, certificates, echo_port, directory):
    soon = email.utils.formatdate(time.time() + 100, usegmt=True)
    locations = LOCATIONS
    for word, meaning in (("ECHO", echo_port), ("OTHER", ports["other"]), ("NOBODY", ports["nobody"]),
                          ("IN_100_SECONDS", soon), ("DIRECTORY", directory)):
        locations = locations.replace(word, str(meaning))
    return f"""
      server {{ listen 127.0.0.1:{ports['plain']}; {locations} }}
      server {{ listen 127.0.0.1:{ports['other']}; {locations} }}
      server {{
        listen 127.0.0.1:{ports['tls']} ssl;
        ssl_certificate {certificates.server.certificate}; ssl_certificate_key {certificates.server.key};
        {locations}
      }}"""


@dataclasses.dataclass
class World:
    """An nginx in front of an echo server. Nobody listens to the port of "nobody"."""

    trust: tuple
    nginx: Nginx
    ports: dict

    def url(self, path, server="plain"):
        return f"{'wss' if server == 'tls' else 'ws'}://127.0.0.1:{self.ports[server]}{path}"


@contextlib.contextmanager
def make_world():
    names = "plain", "other", "tls", "nobody"
    ports = dict(zip(names, free_ports(len(names))))
    with tempfile.TemporaryDirectory() as directory, EchoServer() as echo:
        pathlib.Path(directory, "film").write_bytes(b"not a web-socket " * 1_000_000)
        certificates = Certificates(pathlib.Path(directory))
        servers = nginx_servers(ports, certificates, echo.port, directory)
        with Nginx(servers, [ports[name] for name in names if name != "nobody"]) as nginx:
            yield World(("--ca", certificates.authority.certificate), nginx, ports)


def a_backend_that_is_down_is_tried_again_until_it_is_up(watch, world):
    with Watch(watch, "--send", "hello", world.url("/down")) as program:
        for _ in range(2):
            program.expect_outcome(r"disconnected \(upgrade: .+, HTTP 502 .+\), retry in \d+\.\d\d s \[backoff\]")
        with EchoServer(world.ports["nobody"]):
            program.expect("  connected to ")
            program.expect_echo("hello")


def a_busy_server_is_left_alone_as_long_as_it_asks(watch, world):
    with Watch(watch, world.url("/busy")) as program:
        wait = program.expect_outcome(
            r"disconnected \(upgrade: .+, HTTP 503 .+\), retry in (\d+\.\d\d) s \[backoff\+retry-after\]")[1]
        assert 2 <= float(wait) < 3, wait
        first = world.nginx.expect_request(uri="/busy", status="503")
        second = world.nginx.expect_request(uri="/busy", status="503")
        assert second - first >= 1.99, (first, second)  # nginx looks at the clock between two requests only


def a_date_counts_as_well_as_a_number(watch, world):
    with Watch(watch, world.url("/too-often")) as program:
        wait = program.expect_outcome(
            r"disconnected \(upgrade: .+, HTTP 429 .+\), retry in (\d+\.\d\d) s \[backoff\+retry-after\]")[1]
        assert 60 <= float(wait) <= 101, wait  # of the 100 seconds some may be over


def what_will_not_change_is_final(watch, world):
    for path, status in ("/missing", 404), ("/login", 401):
        with Watch(watch, world.url(path)) as program:
            program.expect_outcome(rf"disconnected \(upgrade: .+, HTTP {status} .+\){NEVER}.*")
            program.expect_end_with_status_1()


def a_page_that_is_no_web_socket_is_shown_by_its_beginning(watch, world):
    for path, said in ("/page", "<title>Please sign in</title>"), ("/film", "not a web-socket not a web-socket .+"):
        with Watch(watch, world.url(path)) as program:
            program.expect_outcome(rf'disconnected \(upgrade: .+, HTTP 200 "{said}"\), .+')


def a_provider_is_asked_once_more_if_its_token_is_refused(watch, world):
    with Watch(watch, "--token", "good", world.url("/members/good")) as program:
        program.expect_outcome(r"connected to .+")
    with Watch(watch, "--token", "bad", world.url("/members/bad")) as program:
        program.expect_outcome(r"disconnected \(upgrade: .+, HTTP 401 .+\), retry in 0\.00 s \[refresh-credentials\]")
        program.expect_outcome(rf"disconnected \(upgrade: .+, HTTP 401 .+\){NEVER} \[unauthorized\]")
        program.expect_end_with_status_1()
    for _ in range(2):
        world.nginx.expect_request(uri="/members/bad", status="401", authorization='"Bearer bad"')


def a_redirect_is_followed(watch, world):
    for server in "plain", "tls":
        for path in "/moved", "/moved/relative":
            with Watch(watch, *world.trust, "--send", "hello", world.url(path, server)) as program:
                program.expect_outcome(rf"connected to 127\.0\.0\.1:{world.ports[server]}")
                program.expect_echo("hello")
                program.close()
                port = str(world.ports[server])
                world.nginx.expect_request(port=port, uri=path, status="30[18]")
                world.nginx.expect_request(port=port, uri="/here", status="101")


def a_redirect_to_another_port_gets_no_credentials(watch, world):
    for credentials in ("--token", "secret"), ("--header", "Authorization: Bearer secret"):
        with Watch(watch, *credentials, world.url("/moved/to-other-port")) as program:
            program.expect_outcome(rf"connected to 127\.0\.0\.1:{world.ports['other']}")
            program.close()
            world.nginx.expect_request(uri="/moved/to-other-port", status="307", authorization='"Bearer secret"')
            world.nginx.expect_request(port=str(world.ports["other"]), status="101", authorization='"-"')


def expect_refused_redirect(program):
    """It may have been a mistake that will be put right, but not within seconds."""
    wait = program.expect_outcome(
        r"disconnected \(upgrade: redirect was not followed.+\), retry in (\d+\.\d\d) s \[redirect-refused\]")[1]
    assert float(wait) >= 15, wait


def a_redirect_that_must_not_be_followed_is_refused(watch, world):
    for path, server in (("/moved/to-ws", "tls"), ("/moved/to-other-port", "tls"), ("/moved/nowhere", "plain")):
        with Watch(watch, *world.trust, world.url(path, server)) as program:
            expect_refused_redirect(program)


def redirects_that_go_round_in_circles_are_followed_five_times(watch, world):
    with Watch(watch, world.url("/round")) as program:
        expect_refused_redirect(program)
    with Watch(watch, world.url("/missing/thereafter")) as program:
        program.expect_end_with_status_1()
    asked = iter(lambda: world.nginx.expect(r"^asked.* uri=(\S+) ")[1], "/missing/thereafter")
    assert sum(uri in ("/round", "/and-round") for uri in asked) == 6


def a_sub_protocol_is_agreed_on(watch, world):
    with EchoServer(0, "--subprotocol", "chat.v2") as server:
        with Watch(watch, "--subprotocol", "chat.v3", "--subprotocol", "chat.v2", server.url) as program:
            program.expect_outcome("connected to .+")
            server.expect(r"^opened chat\.v2$")


def a_server_that_speaks_no_sub_protocol_is_taken(watch, world):
    with Watch(watch, "--subprotocol", "chat.v2", world.url("/speaks-none")) as program:
        program.expect_outcome("connected to .+")


def a_sub_protocol_that_is_not_one_of_ours_is_final(watch, world):
    with Watch(watch, "--subprotocol", "chat.v2", world.url("/speaks-another")) as program:
        program.expect_outcome(r"disconnected \(upgrade: server chose a subprotocol that was not offered.*\)"
                               rf"{NEVER} \[subprotocol-mismatch\]")
        program.expect_end_with_status_1()


def a_second_server_is_reached_at_once_if_the_first_is_down(watch, world):
    for first in world.url("/", "nobody"), world.url("/down"):
        with Watch(watch, "--also", world.url("/here"), first) as program:
            program.expect_outcome(r"disconnected \(.+\), retry in 0\.00 s \[next-endpoint\]")
            program.expect_outcome(rf"connected to 127\.0\.0\.1:{world.ports['plain']}")


class Speaker(socketserver.BaseRequestHandler):
    """Reads the request, answers byte for byte what the server was made with, and holds the socket."""

    def handle(self):
        request = b""
        while b"\r\n\r\n" not in request:
            piece = self.request.recv(4096)
            if not piece:
                return
            request += piece
        self.server.dials += 1
        key = re.search(rb"\r\nSec-WebSocket-Key: (\S+)", request)[1]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        with contextlib.suppress(OSError):  # the client has heard enough
            for piece in self.server.pieces:
                self.request.sendall(piece.replace(b"{accept}", accept))
                time.sleep(0.05)  # each in a segment of its own
            while self.request.recv(4096):
                pass


@contextlib.contextmanager
def speaking(*pieces):
    """The URL of a server that says these bytes, piece by piece, to each client."""
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Speaker) as server:
        server.pieces, server.dials = pieces, 0
        server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.url = f"ws://127.0.0.1:{server.server_address[1]}/"
        yield server
        server.shutdown()


SWITCHES = b"HTTP/1.1 101 Switching Protocols\r\n"
FIELDS = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
HELLO = b"\x81\x05hello"


def an_answer_that_the_rfcs_allow_is_taken_however_it_is_written(watch, _):  # covers R50
    for pieces in ((b"HTTP/1.1 100 Continue\r\n\r\n", SWITCHES + FIELDS + HELLO),
                   (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102\r\n\r\n" + SWITCHES + FIELDS, HELLO),
                   (b"HTTP/1.1 101\r\n" + FIELDS + HELLO,),
                   (b"HTTP/1.1 101 \r", b"\n" + FIELDS, HELLO),
                   (SWITCHES + b"UPGRADE:WebSocket\r\nConnection: keep-alive\r\nconnection:\r\n", b"\t upgrade\r\n",
                    b"sec-websocket-accept :\t{accept} \t\r\n\r\n" + HELLO),
                   (b"HTTP/1.1 101 OK\n" + FIELDS.replace(b"\r", b"") + HELLO,)):
        with speaking(*pieces) as server, Watch(watch, server.url) as program:
            program.expect_outcome("connected to .+")
            program.expect_echo("hello")


def an_answer_that_is_refused_says_what_came_and_what_was_wanted(watch, _):  # covers R51
    for head, text in ((SWITCHES + FIELDS.replace(b"websocket", b"h2c"), 'Upgrade is "h2c", wanted "websocket"'),
                       (SWITCHES + b"Upgrade: websocket\r\n\r\n", "the answer has no Connection field"),
                       (SWITCHES + FIELDS.replace(b"{accept}", b"AAAA"),
                        'Sec-WebSocket-Accept does not belong to our key: it is "AAAA", wanted "'),
                       (SWITCHES + b"Sec-WebSocket-Extensions: x-foo\r\n" + FIELDS,
                        'the server chose the extension "x-foo", which was not offered'),
                       (SWITCHES + b"Set-Cookie: a=" + b"x" * 17_000 + b"\r\n" + FIELDS,
                        "the header is longer than limits.upgrade_bytes (16384)"),
                       (SWITCHES + b"Foo\r\n" + FIELDS, 'a header line has no colon: "Foo"'),
                       (b"SSH-2.0-OpenSSH_9.2\r\n", 'the answer is not HTTP: it begins with "SSH-2.0-OpenSSH_9.2"'),
                       (b"\x15\x03\x01\x00\x02\x02\x0a", "as TLS does"),
                       (b"HTTP/1.0 101 Switching Protocols\r\n" + FIELDS, "HTTP/1.0 has no status 101")):
        with speaking(head) as server, Watch(watch, server.url) as program:
            program.expect_outcome(rf"disconnected \(upgrade: .*{re.escape(text)}.*\), retry in .+")


def every_refusal_may_ask_for_rest(watch, _):  # covers R52
    soon = email.utils.formatdate(time.time() + 100, usegmt=True)
    for status, fields in (("418 I'm a teapot", "Retry-After: 40"), ("408 Request Timeout", "Retry-After: 40s"),
                           ("425 Too Early", f"Retry-After: 1, {soon}"), ("502 Bad Gateway", "retry-after-ms: 40000"),
                           ("429", f"X-RateLimit-Reset: {int(time.time()) + 100}")):
        answer = f"HTTP/1.1 {status}\r\n{fields}\r\nContent-Length: 0\r\n\r\n".encode()
        with speaking(answer) as server, Watch(watch, server.url) as program:
            wait = program.expect_outcome(
                r"disconnected \(upgrade: .+\), retry in (\d+\.\d\d) s \[.+\+retry-after\]")[1]
            assert 39 <= float(wait) <= 101, (status, fields, wait)
            assert server.dials == 1


def main():
    skip_without_websockets()
    skip_without("nginx", "openssl")
    with make_world() as world:
        for test in (a_backend_that_is_down_is_tried_again_until_it_is_up,
                     a_busy_server_is_left_alone_as_long_as_it_asks,
                     a_date_counts_as_well_as_a_number,
                     what_will_not_change_is_final,
                     a_page_that_is_no_web_socket_is_shown_by_its_beginning,
                     a_provider_is_asked_once_more_if_its_token_is_refused,
                     a_redirect_is_followed,
                     a_redirect_to_another_port_gets_no_credentials,
                     a_redirect_that_must_not_be_followed_is_refused,
                     redirects_that_go_round_in_circles_are_followed_five_times,
                     a_sub_protocol_is_agreed_on,
                     a_server_that_speaks_no_sub_protocol_is_taken,
                     a_sub_protocol_that_is_not_one_of_ours_is_final,
                     a_second_server_is_reached_at_once_if_the_first_is_down,
                     an_answer_that_the_rfcs_allow_is_taken_however_it_is_written,
                     an_answer_that_is_refused_says_what_came_and_what_was_wanted,
                     every_refusal_may_ask_for_rest):
            print(f"--- {test.__name__}")
            test([sys.argv[1], "watch"], world)


if __name__ == "__main__":
    main()
