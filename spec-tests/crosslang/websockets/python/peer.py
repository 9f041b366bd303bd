"""WebSockets of the Python library `websockets`: `peer.py serve`, `peer.py connect URL`. See the README for the lines it reads and writes."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 30


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def server():
    async with serve(echo, "127.0.0.1", 0, subprotocols=["cloudevents.json"]) as listening:
        print(listening.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def status(url, subprotocols):
    try:
        async with connect(url, subprotocols=subprotocols):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def client(url, documents):
    answer = {"refused": [await status(url, ["chat"]), await status(url, None)]}
    async with connect(url, subprotocols=["chat", "cloudevents.json"]) as socket:
        answer["subprotocol"] = socket.subprotocol
        answer["echoed"] = []
        for document in documents:
            await socket.send(document)
            answer["echoed"].append(await asyncio.wait_for(socket.recv(), PATIENCE))
        first = documents[0]
        await socket.send([first[:3], first[3:20], first[20:]])
        answer["fragments"] = await asyncio.wait_for(socket.recv(), PATIENCE)
        await asyncio.wait_for(await socket.ping(), PATIENCE)
        await socket.send(first.encode())
        try:
            await asyncio.wait_for(socket.recv(), PATIENCE)
        except ConnectionClosed as closed:
            answer["code"] = closed.rcvd and closed.rcvd.code
    return answer


if sys.argv[1] == "serve":
    asyncio.run(server())
else:
    print(json.dumps(asyncio.run(client(sys.argv[2], json.loads(sys.stdin.readline())))), flush=True)
