"""holdfast watch and a device on the same link, which has nothing but a link-local address (RFC 6874).

Usage: zone_test.py HOLDFAST, which is the path of the tool. Skipped (77) where no network of its own can be made.
"""
import base64
import contextlib
import hashlib
import os
import queue
import re
import socket
import subprocess
import sys
import threading

import own_network
from foreign_server import PATIENCE
from watch_program import Watch

ADDRESS = "fe80::1"
LINK = "lo"


class Device:
    """Opens each session, but from /moved it leads to /here, by the Host that it was asked for, as servers do."""

    def __init__(self):
        self.listener = socket.create_server((ADDRESS, 0, 0, socket.if_nametoindex(LINK)), family=socket.AF_INET6)
        self.port = self.listener.getsockname()[1]
        self.heads = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def url(self, zone, path="/"):
        return f"ws://[{ADDRESS}{zone}]:{self.port}{path}"

    def next_request(self):
        """Its path and its Host."""
        head = self.heads.get(timeout=PATIENCE)
        return head.split(" ")[1], re.search(r"^Host: (.*?)\r$", head, re.MULTILINE)[1]

    def _listen(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(stream,), daemon=True).start()

    def _answer(self, stream):
        with stream, contextlib.suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                piece = stream.recv(4096)
                if not piece:
                    return
                head += piece
            text = head.decode("latin-1")
            self.heads.put(text)
            if text.startswith("GET /moved "):
                host = re.search(r"^Host: (.*?)\r$", text, re.MULTILINE)[1]
                stream.sendall(f"HTTP/1.1 302 Found\r\nLocation: http://{host}/here\r\n\r\n".encode())
                return
            key = re.search(r"^Sec-WebSocket-Key: (.*?)\r$", text, re.MULTILINE)[1]
            accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
            stream.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            while stream.recv(4096):
                stream.sendall(b"\x88\x02\x03\xe8")  # whatever comes is the close frame

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()


def a_zone_is_dialled_and_not_sent(watch):
    with Device() as device:
        for zone in f"%25{LINK}", f"%{LINK}", f"%25{socket.if_nametoindex(LINK)}":
            with Watch(watch, device.url(zone)) as program:
                program.expect_outcome(rf"connected to \[{ADDRESS}%{LINK}\]:{device.port}")
                assert device.next_request() == ("/", f"[{ADDRESS}]:{device.port}")
                program.close()


def a_redirect_stays_on_the_link(watch):
    with Device() as device, Watch(watch, device.url(f"%25{LINK}", "/moved")) as program:
        program.expect_outcome("connected to .*")
        assert device.next_request() == ("/moved", f"[{ADDRESS}]:{device.port}")
        assert device.next_request() == ("/here", f"[{ADDRESS}]:{device.port}")
        program.close()


def an_interface_that_does_not_exist_is_told_in_one_line(watch):
    with Device() as device:
        for zone in "%25nosuchlink0", "%nosuchlink0", "%25424242":
            with Watch(watch, device.url(zone)) as program:
                program.expect_outcome(r'disconnected \(resolve: .+ "the address has a zone that names no network '
                                       r'interface of this machine"\), retry in .+')


def a_zone_goes_to_no_proxy(watch):
    with Device() as device:
        os.environ["http_proxy"] = "http://127.0.0.1:9"
        try:
            with Watch(watch, device.url(f"%25{LINK}")) as program:
                program.expect_outcome("connected to .*")
                program.close()
        finally:
            del os.environ["http_proxy"]
        ended = subprocess.run([*watch, device.url(f"%25{LINK}"), "--proxy", "http://127.0.0.1:9"],
                               capture_output=True, text=True, timeout=PATIENCE)
        assert ended.returncode == 2 and "options.proxy.url" in ended.stderr and "zone" in ended.stderr, ended


def main():
    own_network.enter()
    own_network.ip(f"link set {LINK} up", f"address add {ADDRESS}/64 dev {LINK} nodad")
    for test in (a_zone_is_dialled_and_not_sent,
                 a_redirect_stays_on_the_link,
                 an_interface_that_does_not_exist_is_told_in_one_line,
                 a_zone_goes_to_no_proxy):
        print(f"--- {test.__name__}")
        test([sys.argv[1], "watch"])


main()
