"""A client of examples/chat_server that we did not write: python3-websockets (10.4 to 15) and JSON."""
import asyncio
import json
import sys

import websockets

from foreign_server import PATIENCE, Program


class ChatServer(Program):
    def __init__(self, path, *options):
        super().__init__(path, *options)
        self.url = self.expect(r"^listening on (ws://127\.0\.0\.1:\d+)$")[1]

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])


class Socket:
    """One WebSocket. What comes is checked in its order: nothing is passed over."""

    def __init__(self, server, **options):
        self.connecting = {"compression": None, "ping_interval": None, "max_size": None, **options}
        self.url = server.url

    async def __aenter__(self):
        self.ws = await asyncio.wait_for(websockets.connect(self.url, **self.connecting), PATIENCE)
        return self

    async def __aexit__(self, *_):
        await self.ws.close()

    async def send(self, frame):
        """A string or bytes are sent as they are."""
        await self.ws.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))

    async def next(self):
        return json.loads(await asyncio.wait_for(self.ws.recv(), PATIENCE))

    async def hear(self, kind):
        frame = await self.next()
        assert frame["type"] == kind, f"not {kind}, but {frame}"
        return frame

    async def hello(self, client, **more):
        await self.send({"type": "hello", "version": 1, "client": client, **more})
        return await self.hear("ready")

    async def resume(self, client, session, last_seq):
        return await self.hello(client, resume={"session": session, "last_seq": last_seq})

    async def message(self, number, data, **more):
        await self.send({"type": "message", "id": number, "data": data, **more})

    async def acknowledged(self, number):
        assert await self.hear("ack") == {"type": "ack", "id": number}

    async def event(self, seq, op, **fields):
        """The next frame is this event; gives the rest of its data."""
        frame = await self.hear("event")
        assert frame["seq"] == seq and frame["data"]["op"] == op, f"not {seq} {op}, but {frame}"
        for name, value in fields.items():
            assert frame["data"].get(name) == value, f"{name} is not {value!r} in {frame}"
        return frame["data"]

    async def join(self, number, seq, room, name, members):
        await self.message(number, {"op": "join", "room": room, "name": name})
        await self.event(seq, "members", room=room, names=members)
        await self.acknowledged(number)

    async def nothing_more(self):
        """The server handles frames in their order, so the answer to a ping comes after all that was before."""
        await self.send({"type": "ping", "id": 77})
        assert await self.next() == {"type": "pong", "id": 77}

    async def fatal(self, code):
        """A fatal error, and then the close; gives the text for people."""
        error = await self.hear("error")
        assert error["code"] == code and error["fatal"] is True and error["text"], error
        assert await self.closed() == 1008, self.ws.close_code
        return error["text"]

    async def closed(self):
        """The code with which the server closes; frames that come before are an error."""
        try:
            frame = await asyncio.wait_for(self.ws.recv(), PATIENCE)
        except websockets.ConnectionClosed:
            return self.ws.close_code
        raise AssertionError(f"not closed, but {frame}")

    def vanish(self):
        """Without a close frame."""
        self.ws.transport.abort()


def run(*tests):
    """Each with the path of the server, which is the first argument of the program."""
    for test in tests:
        print(f"--- {test.__name__}", flush=True)
        asyncio.run(test(sys.argv[1]))
