"""A client written with Python's autobahn: plays one scenario against a URL and prints
what it saw as one line of JSON."""

import asyncio
import base64
import hashlib
import json
import sys

from autobahn.asyncio.wamp import ApplicationSession, ApplicationRunner
from autobahn.wamp import ApplicationError
from autobahn.wamp.types import CallOptions, PublishOptions, RegisterOptions, SubscribeOptions


async def pubsub(session):
    heard = asyncio.Queue()
    first = await session.subscribe(
        lambda *args, **kwargs: heard.put_nowait([args, kwargs]), "com.example.topic")
    await session.subscribe(
        lambda *args, details, **kwargs: heard.put_nowait([args, details.topic]), "com.example.",
        SubscribeOptions(match="prefix", details=True))
    published = await session.publish(
        "com.example.topic", 1, "zwei", [], a={},
        options=PublishOptions(acknowledge=True, exclude_me=False))
    seen = [await heard.get(), await heard.get()]
    await first.unsubscribe()
    session.publish("com.example.other", 2, options=PublishOptions(exclude_me=False))
    seen.append(await heard.get())
    return [published.id > 0, seen]


async def calls(session):
    def add(a, b=0):
        return a + b

    def fail():
        raise ApplicationError("com.example.error", "why", code=7)

    async def steps(count, details):
        for number in range(count):
            details.progress(number)
        return "done"

    registration = await session.register(add, "com.example.add")
    await session.register(fail, "com.example.fail")
    await session.register(steps, "com.example.steps", RegisterOptions(details_arg="details"))
    results = [await session.call("com.example.add", 1, 2),
               await session.call("com.example.add", 1, b=5)]
    try:
        await session.call("com.example.fail")
    except ApplicationError as error:
        results.append([error.error, list(error.args), error.kwargs])
    progress = []
    results.append(await session.call(
        "com.example.steps", 3, options=CallOptions(on_progress=progress.append)))
    results.append(progress)
    await registration.unregister()
    try:
        await session.call("com.example.add", 1)
    except ApplicationError as error:
        results.append(error.error)
    return results


async def component(session):
    results = [await session.call("add", 1, 2)]
    try:
        await session.call("boom")
    except ApplicationError as error:
        results.append(error.error)
    heard = asyncio.Queue()
    await session.subscribe(heard.put_nowait, "news")
    session.publish("news", {"text": "hi"}, options=PublishOptions(exclude_me=False))
    results.append(await heard.get())
    return results


async def forbidden(session):
    try:
        await session.subscribe(print, "forbidden")
    except ApplicationError as error:
        return [error.error, await session.call("add", 1, 2)]


async def details(session):
    found = session.session_details
    return [found.realm, found.authid, found.authrole, found.authmethod]


class Session(ApplicationSession):
    def onConnect(self):
        method, authid, self.secret = (sys.argv[3:] + ["anonymous", None, None])[:3]
        self.join("realm1", [method], authid)

    def onChallenge(self, challenge):
        if challenge.method == "ticket":
            return self.secret
        from autobahn.wamp import auth
        key = self.secret.encode()
        if "salt" in challenge.extra:
            # auth.derive_key does not go with the cryptography library of Debian 13.
            key = base64.b64encode(hashlib.pbkdf2_hmac(
                "sha256", key, challenge.extra["salt"].encode(),
                challenge.extra["iterations"], challenge.extra["keylen"]))
        return auth.compute_wcs(key, challenge.extra["challenge"].encode()).decode()

    async def onJoin(self, joined):
        try:
            result = await asyncio.wait_for(globals()[sys.argv[1]](self), 15)
            print(json.dumps({"result": result}), flush=True)
        except Exception as error:
            print(json.dumps({"error": repr(error)}), flush=True)
        finally:
            self.leave()

    def onLeave(self, left):
        if left.reason != "wamp.close.goodbye_and_out":
            print(json.dumps({"left": left.reason}), flush=True)
        self.disconnect()

    def onDisconnect(self):
        asyncio.get_event_loop().stop()


ApplicationRunner(sys.argv[2], "realm1").run(Session, log_level="critical")
