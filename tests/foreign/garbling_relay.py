"""A relay before a server of WebSockets that can slip a frame into what the server says."""
import contextlib
import socket
import threading


def text_frame(text):
    """Unmasked, as a server's (RFC 6455, section 5.2), and short."""
    payload = text.encode()
    assert len(payload) < 126
    return bytes([0x81, len(payload)]) + payload


class GarblingRelay:
    """`at_once`: a frame that follows the answer to the first upgrade. Its threads end with the program."""

    def __init__(self, server_port, at_once=b""):
        self.server_port = server_port
        self.at_once = at_once
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.client = None
        threading.Thread(target=self._accept, daemon=True).start()

    def garble(self, frame):
        """Into the newest connection. A server of these tests is quiet between its small frames."""
        self.client.sendall(frame)

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server_port))
            self.client = client
            for source, target in (client, server), (server, client):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source, target):
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
                if self.at_once and target is self.client:
                    target.sendall(self.at_once)
                    self.at_once = b""
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
