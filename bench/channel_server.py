"""A JSON-RPC server for bench/channel_cost.py, in the manner of rpc-websockets: answers calls, confirms channels, and
publishes as many events as it is asked for to all channels in turn. Prints its port."""
import asyncio
import json

import websockets


async def serve(ws, path=None):
    channels = []
    async for message in ws:
        asked = json.loads(message)
        if asked["method"] == "rpc.on":
            channels += asked["params"]
            result = {each: "ok" for each in asked["params"]}
        elif asked["method"] == "publish":
            for number in range(asked["params"][0]):
                name = channels[number % len(channels)]
                await ws.send(json.dumps({"notification": name, "params": {"number": number, "text": "a line of a chat"}}))
            continue
        else:
            result = asked["params"]
        if "id" in asked:
            await ws.send(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}))


async def main():
    async with websockets.serve(serve, "127.0.0.1", 0, compression=None, max_queue=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
