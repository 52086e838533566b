"""`openssl s_server` as a WebSocket server whose TLS does what the test types: ask for a certificate, change keys,
negotiate anew. See s_server's manual, "CONNECTED COMMANDS".
"""
import base64
import hashlib
import io
import queue
import subprocess
import threading

from foreign_server import Program


class OpensslServer(Program):
    """`shown` is the identity that it shows, `authority` the file of those whom it believes."""

    def __init__(self, shown, authority, *options):
        command = ("openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", shown.certificate, "-key", shown.key,
                   "-CAfile", authority, *options)
        self.name = "s_server"
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        # Frames are among what it prints, and are no text.
        self.process.stdout = io.TextIOWrapper(self.process.stdout, errors="replace")
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.port = int(self.expect(r"^ACCEPT 127\.0\.0\.1:(\d+)$")[1])

    @property
    def url(self):
        return f"wss://127.0.0.1:{self.port}/"

    def send(self, what):
        """In one piece, whose first byte decides whether it is a command. What follows one must not be sent before
        its effect has been seen: the two could become one piece.
        """
        self.process.stdin.write(what)
        self.process.stdin.flush()

    def command(self, letter):
        self.send(letter.encode() + b"\n")

    def expect_request(self):
        """Returns what upgrade() wants."""
        return self.expect(r"^Sec-WebSocket-Key: (\S+)")[1]

    def upgrade(self, key):
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        self.send(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode())

    def say(self, text):
        self.send(bytes((0x81, len(text))) + text.encode())
