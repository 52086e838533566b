"""A WebSocket server that we did not write: Debian's python3-websockets (10.4 to 15), echoing.

Prints "listening PORT", then two lines per session that opens, the first with its subprotocol if it has one, the
second with its extensions, and one line that says how it was closed.
"""
import argparse
import asyncio

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory


async def echo(ws, path=None):
    print("opened", *filter(None, [ws.subprotocol]), flush=True)
    agreed = ws.extensions if hasattr(ws, "extensions") else ws.protocol.extensions
    print("extensions", agreed, flush=True)
    try:
        async for message in ws:
            await ws.send(message)
    except websockets.ConnectionClosed:
        pass
    await ws.wait_closed()
    print("closed", ws.close_code, flush=True)


async def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--host", default="127.0.0.1", help="the address to listen at (127.0.0.1)")
    arguments.add_argument("--port", type=int, default=0, help="0: a free one")
    arguments.add_argument("--no-takeover", action="store_true", help="compress each message by itself, both ways")
    arguments.add_argument("--window-bits", type=int, help="of both sides' compression")
    arguments.add_argument("--subprotocol", help="that it speaks, if it is offered")
    given = arguments.parse_args()
    deflate = ServerPerMessageDeflateFactory(given.no_takeover, given.no_takeover, given.window_bits, given.window_bits)
    subprotocols = [given.subprotocol] if given.subprotocol else None
    async with websockets.serve(echo, given.host, given.port, subprotocols=subprotocols, extensions=[deflate],
                                compression=None) as server:
        print("listening", next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
