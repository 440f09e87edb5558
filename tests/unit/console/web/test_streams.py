"""Streams: made once for all, the last state for each, nothing for nobody."""

import asyncio
from collections.abc import Callable
from typing import Any

from console.web.streams import Streams


class Client:
    """Takes what is sent; slow when told."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.takes = asyncio.Event()
        self.takes.set()
        self.left = asyncio.Event()

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            await self.takes.wait()
            self.bodies.append(message["body"])

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}


class Page:
    def __init__(self) -> None:
        self.text = "a"
        self.made = 0

    async def make(self) -> str:
        self.made += 1
        return self.text


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def test_two_hundred_clients_have_one_maker_and_it_ends_with_the_last(monkeypatch: Any) -> None:
    monkeypatch.setattr("console.web.streams._EVERY_S", 0.02)

    async def main() -> None:
        streams, page = Streams(), Page()
        clients = [Client() for _ in range(200)]
        tasks = [
            asyncio.create_task(streams.response("p", page.make)({}, client.receive, client.send)) for client in clients
        ]
        await until(lambda: all(client.bodies for client in clients))
        assert page.made < 20
        page.text = "b"
        await until(lambda: all(len(client.bodies) == 2 for client in clients))
        for client in clients:
            client.left.set()
        await asyncio.gather(*tasks)
        made = page.made
        await asyncio.sleep(0.1)
        assert page.made == made

    asyncio.run(main())


def test_a_slow_client_gets_the_last_state_and_holds_up_nobody(monkeypatch: Any) -> None:
    monkeypatch.setattr("console.web.streams._EVERY_S", 0.01)

    async def main() -> None:
        streams, page, slow, quick = Streams(), Page(), Client(), Client()
        tasks = [
            asyncio.create_task(streams.response("p", page.make)({}, client.receive, client.send))
            for client in (slow, quick)
        ]
        await until(lambda: bool(slow.bodies and quick.bodies))
        slow.takes.clear()
        for number in range(20):
            page.text = f"state {number}"
            await until(lambda number=number: f'"state {number}"'.encode() in quick.bodies[-1])  # type: ignore[misc]
        slow.takes.set()
        await until(lambda: b"state 19" in slow.bodies[-1])
        assert len(slow.bodies) <= 4
        slow.left.set()
        quick.left.set()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_a_client_that_takes_nothing_is_left(monkeypatch: Any) -> None:
    monkeypatch.setattr("console.web.streams._SEND_S", 0.05)

    async def main() -> None:
        streams, page, client = Streams(), Page(), Client()
        client.takes.clear()
        task = asyncio.create_task(streams.response("p", page.make)({}, client.receive, client.send))
        async with asyncio.timeout(5):
            await task
        assert not client.bodies

    asyncio.run(main())


def test_a_stop_ends_every_stream() -> None:
    async def main() -> None:
        streams, page, client = Streams(), Page(), Client()
        task = asyncio.create_task(streams.response("p", page.make)({}, client.receive, client.send))
        await until(lambda: bool(client.bodies))
        streams.closing.set()
        async with asyncio.timeout(5):
            await task

    asyncio.run(main())
