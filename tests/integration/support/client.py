"""A client written with Python's websockets: plays one scenario against a URL and
prints what it saw as one line of JSON."""

import asyncio
import json
import ssl
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


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


MESSAGES = ["", "short", "long " * 100, "long " * 100, "grüße " * 5000, "0123456789" * 20000]


async def compressed(ws):
    protocol = getattr(ws, "protocol", ws)
    extensions = getattr(protocol, "extensions", None) or ws.extensions
    if [extension.name for extension in extensions] != ["permessage-deflate"]:
        return f"agreed on {extensions}"
    for message in MESSAGES:
        await ws.send(message)
        if await ws.recv() != message:
            return f"another echo of {message[:20]}"
    return True


# The same on other offers.
OFFERS = {
    "compressed_small": {"server_max_window_bits": 10, "client_max_window_bits": 11},
    "compressed_fresh": {"server_no_context_takeover": True, "client_no_context_takeover": True},
}
compressed_small = compressed_fresh = compressed


def options_of(scenario):
    if scenario not in OFFERS:
        return {}
    offer = ClientPerMessageDeflateFactory(**OFFERS[scenario])
    return {"compression": None, "extensions": [offer]}


async def main():
    scenario, url = sys.argv[1:3]
    context = ssl.create_default_context(cafile=sys.argv[3]) if len(sys.argv) > 3 else None
    async with websockets.connect(url, max_size=1 << 22, ssl=context, **options_of(scenario)) as ws:
        result = await globals()[scenario](ws)
    print(json.dumps({"result": result, "protocol": ws.subprotocol}))


asyncio.run(asyncio.wait_for(main(), 15))
