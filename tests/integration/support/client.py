"""A client written with Python's websockets: plays one scenario against a URL and
prints what it saw as one line of JSON."""

import asyncio
import json
import ssl
import sys

import websockets


async def text(ws):
    await ws.send("grüße")
    return await ws.recv()


async def binary(ws):
    await ws.send(bytes(range(256)))
    return list(await ws.recv())


async def large(ws):
    payload = "m" * (1 << 20)
    await ws.send(payload)
    return (await ws.recv()) == payload


async def fragments(ws):
    await ws.send(["one, ", "", "two, ", "three"])
    first = await ws.recv()
    await ws.send([b"\x00", b"\xff"])
    return [first, list(await ws.recv())]


async def ping(ws):
    pong = await ws.ping(b"hello")
    await asyncio.wait_for(pong, 5)
    return True


async def order(ws):
    for number in range(1000):
        await ws.send(str(number))
    return [await ws.recv() for _ in range(1000)] == [str(n) for n in range(1000)]


async def close(ws):
    await ws.close(4001, "from python")
    return [ws.close_code, ws.close_reason]


async def closed(ws):
    await ws.send("close me")
    try:
        await ws.recv()
    except websockets.exceptions.ConnectionClosed as error:
        return [error.rcvd.code, error.rcvd.reason]


async def main():
    scenario, url = sys.argv[1:3]
    context = ssl.create_default_context(cafile=sys.argv[3]) if len(sys.argv) > 3 else None
    async with websockets.connect(url, max_size=1 << 22, ssl=context) as ws:
        result = await globals()[scenario](ws)
    print(json.dumps({"result": result, "protocol": ws.subprotocol}))


asyncio.run(asyncio.wait_for(main(), 15))
