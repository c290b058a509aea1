"""A server written with Python's websockets: echoes, says its sub-protocol and what
it was asked with, closes when it is asked to. Prints its port."""

import asyncio
import json
import sys

import websockets


async def serve(ws, path=None):
    async for message in ws:
        if message == "headers":
            headers = getattr(ws, "request_headers", None) or ws.request.headers
            await ws.send(json.dumps(dict(headers.items())))
        elif message == "close me":
            await ws.close(4003, "as you wish")
            return
        elif message == "ping me":
            pong = await ws.ping(b"from python")
            await asyncio.wait_for(pong, 5)
            await ws.send("ponged")
        elif message == "fragments":
            await ws.send(["one, ", "", "two"])
        else:
            await ws.send(message)


async def main():
    async with websockets.serve(
        serve, "127.0.0.1", 0, subprotocols=["echo.v1"], max_size=1 << 22
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
