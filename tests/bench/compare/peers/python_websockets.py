"""websockets of Python, with its speedups in C, on uvloop."""
import asyncio
import os
import ssl

import uvloop
import websockets

clients = set()


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def chat(socket):
    clients.add(socket)
    try:
        async for message in socket:
            websockets.broadcast(clients - {socket}, message)
    finally:
        clients.remove(socket)


async def handle(socket):
    await (chat if socket.path == "/chat" else echo)(socket)


def secured():
    if "CERT" not in os.environ:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
    return context


async def main():
    compression = "deflate" if os.environ.get("DEFLATE") == "1" else None
    port = int(os.environ["PORT"])
    async with websockets.serve(handle, "127.0.0.1", port, compression=compression, ssl=secured()):
        await asyncio.Future()


uvloop.install()
asyncio.run(main())
