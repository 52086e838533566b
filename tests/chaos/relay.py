"""Carries bytes between those who connect and a server, each way with a delay.

Usage: relay.py PORT HOST SERVER_PORT SECONDS. Listens at HOST, too, and prints "listening" when it does.
The connect itself is not delayed: it is the relay that answers it.
"""
import asyncio
import contextlib
import sys


async def carry(reader, writer, seconds):
    under_way = asyncio.Queue()

    async def deliver():
        clock = asyncio.get_running_loop()
        while True:
            due, piece = await under_way.get()
            await asyncio.sleep(due - clock.time())
            if not piece:
                return writer.close()
            writer.write(piece)

    delivering = asyncio.create_task(deliver())
    piece = b"?"
    while piece:
        try:
            piece = await reader.read(65536)
        except OSError:
            piece = b""
        under_way.put_nowait((asyncio.get_running_loop().time() + seconds, piece))
    await delivering


async def main(port, host, server_port, seconds):
    async def serve(reader, writer):
        with contextlib.suppress(OSError):
            server_reader, server_writer = await asyncio.open_connection(host, server_port)
            await asyncio.gather(carry(reader, server_writer, seconds), carry(server_reader, writer, seconds))

    async with await asyncio.start_server(serve, host, port):
        print("listening", flush=True)
        await asyncio.Future()


asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
