"""What the tests share that decide about every byte that a WebSocket server sends: frames, and a server of one script
for each session."""
import base64
import hashlib
import queue
import socket
import struct
import threading

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(opcode, payload=b"", fin=True, reserved=0):
    """RFC 6455 section 5.2, from a server: not masked."""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = b"\x7e" + struct.pack("!H", size)
    else:
        length = b"\x7f" + struct.pack("!Q", size)
    return bytes([fin << 7 | reserved << 4 | opcode]) + length + payload


def close_frame(code=1000, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


def unmasked(mask, payload):
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def header_fields(head):
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


def upgrade_answer(fields, *more):
    """To a request with these fields; `more`: further fields of the answer."""
    key = fields["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                        f"Sec-WebSocket-Accept: {accept}", *more, "", ""]).encode()


class RawServer:
    """Sends `script` at each session, then reads: `received` gets the frames (opcode, payload). It answers a close
    frame, and nothing else.
    """

    def __init__(self, script=b""):
        self.script = script
        self.received = queue.Queue()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}/"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        with peer, peer.makefile("rb") as reader:
            head = b"".join(iter(reader.readline, b"\r\n"))
            peer.sendall(upgrade_answer(header_fields(head)) + self.script)
            while start := reader.read(2):
                size = start[1] & 0x7F  # the clients of these tests send nothing longer than 125 bytes
                mask = reader.read(4)
                found = start[0] & 0x0F, unmasked(mask, reader.read(size))
                self.received.put(found)
                if found[0] == CLOSE:
                    peer.sendall(frame(*found))
                    return
