"""A web-socket server that we did not write: Debian's python3-websockets (10.4 to 15), echoing.

Prints "listening PORT", then one line per session that opens, and one that says how it was closed.
"""
import argparse
import asyncio

import websockets


async def echo(ws, path=None):
    print("opened", flush=True)
    try:
        async for message in ws:
            await ws.send(message)
    except websockets.ConnectionClosed:
        pass
    await ws.wait_closed()
    print("closed", ws.close_code, flush=True)


async def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=0, help="0: a free one")
    port = arguments.parse_args().port
    async with websockets.serve(echo, "127.0.0.1", port) as server:
        print("listening", next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
