"""What Nova may send in the course of some operations, drawn from a seed: good, late, repeated, odd, unreadable."""

import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tests.faults.path.oracle import Sent
from tests.support.events import Event, Source
from tests.support.nova import Message, message
from tests.support.poisons import KINDS

# So many messages of other operations come between an operation and its late reports.
_LATE: Final = 60
_AT_ONCE: Final = 4
_ODD_NAMES: Final = ("web tier", "a,b=c", 'quo"ted', "näme", "back\\slash\\", "tab\there", "数据库", "-")
_ODD_HOSTS: Final = ("h 1,x=y", 'h"2', "hö3", "h\\4\\", "h5\n", "h6.example.org")
# Of a size that says nothing more here, and slows all down.
_POISONS: Final = sorted(set(KINDS) - {"30-megabytes", "too-large-for-kafka"})


@dataclass(frozen=True)
class Size:
    """How much is sent: operations of a cloud, and the hosts of those that are large, which one in ten is."""

    operations: int
    many_hosts: int


@dataclass
class Cloud:
    """One cloud's messages in the order in which its Nova sends them."""

    name: str
    # The source of oslo.messaging drops most unreadable bodies before precache sees them.
    unreadable: bool = True
    messages: list[Message] = field(default_factory=list)


@dataclass
class _Telling:
    """What is left to be sent of an operation, and of its late reports."""

    events: list[Event]
    late: list[Event]


def tell(chance: random.Random, cloud: Cloud, size: Size, sent: Sent) -> None:
    """Fill a cloud's messages, and note what was sent."""
    waiting = [_operation(chance, cloud.name, number, size) for number in range(size.operations)]
    late: list[tuple[int, list[Event]]] = []
    open_: list[_Telling] = []
    while waiting or open_ or late:
        while waiting and len(open_) < _AT_ONCE:
            open_.append(waiting.pop(0))
        if not open_ or (late and late[0][0] <= len(cloud.messages)):
            _send(cloud, sent, late.pop(0)[1] if late else [])
            continue
        reporting = chance.choice(open_)
        _send(cloud, sent, [reporting.events.pop(0)])
        if not reporting.events:
            open_.remove(reporting)
            late.append((len(cloud.messages) + _LATE, reporting.late))
        cloud.messages += _beside(chance, cloud, sent)


def _send(cloud: Cloud, sent: Sent, events: Sequence[Event]) -> None:
    sent.add(events)
    cloud.messages += map(message, events)


def _operation(chance: random.Random, cloud: str, number: int, size: Size) -> _Telling:
    """Draw an operation: each second one is on the aggregate of the one before."""
    aggregate = number // 2
    name = _ODD_NAMES[aggregate % len(_ODD_NAMES)] if aggregate % 3 == 0 else f"app-{aggregate}"
    source = Source(cloud, f"00000000-0000-4000-8000-{aggregate:012}", f"req-{_uuid(chance)}", name)
    hosts = _hosts(chance, number, size)
    # A microsecond of its own for each event, so that no two points of one host are at one time.
    times = iter(range(number * 10_000_000, (number + 1) * 10_000_000, 1_000))
    reports = list(_reports(chance, source, hosts, times))
    late = [reports.pop() for _ in range(chance.choice([0, 0, 0, 2])) if len(reports) > 1]
    start, end = source.start(hosts, number * 10_000_000), source.end(hosts, next(times))
    events = [*([start] if chance.random() < 0.9 else []), *reports, *([end] if chance.random() < 0.85 else [])]
    if chance.random() < 0.2:
        chance.shuffle(events)
    again = chance.sample(events, min(len(events), chance.choice([0, 0, 3])))
    return _Telling(
        [*map(_told, events or [end]), *map(_told, again), *(_told(event, "again") for event in again)],
        list(map(_told, late)),
    )


def _hosts(chance: random.Random, number: int, size: Size) -> list[str]:
    if number % 7 == 3:
        return list(_ODD_HOSTS)
    if number % 10 == 5:
        return [f"compute{host}" for host in range(chance.randint(size.many_hosts // 2, size.many_hosts))]
    return [f"host{host}" for host in range(chance.choice([0, 1, chance.randint(2, 30)]))]


def _reports(chance: random.Random, source: Source, hosts: Sequence[str], times: Iterator[int]) -> Iterator[Event]:
    """Draw the hosts' reports: some hosts are silent, one was not asked; `index` skips and repeats."""
    others = ["stranger"] if chance.random() < 0.1 else []
    for place, host in enumerate([*hosts, *others], 1):
        at_us = next(times)
        if chance.random() < 0.05:
            continue
        failed = chance.choice([[], [], [], [], ["image-2"]])
        cached = ["image-1"] if chance.random() < 0.9 else []
        yield source.report(
            host, cached, failed, at_us, index=max(1, place - chance.choice([0, 0, 0, 1])), total=len(hosts)
        )


def _told(event: Event, which: str = "") -> Event:
    """Give an event the message id that Nova would: a uuid; `which` tells two that say the same."""
    identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{event.body['message_id']} {which}"))
    return replace(event, body=event.body | {"message_id": identity})


def _beside(chance: random.Random, cloud: Cloud, sent: Sent) -> Iterator[Message]:
    """Draw what else lies in the queue, rarely: unreadable bodies, events of other kinds, and such of no request."""
    drawn = chance.random()
    identity = _uuid(chance)
    if drawn < 0.01 and cloud.unreadable:
        poison = KINDS[chance.choice(_POISONS)]
        sent.unreadable[identity] = poison.reason
        yield Message(poison.body, poison.properties | {"message_id": identity})
    elif drawn < 0.02:
        yield message(_changed(cloud, identity, event_type="instance.update"))
    elif drawn < 0.025:
        sent.without_request.add(identity)
        nobody = {"request_id": None, "global_request_id": None, "project_id": None, "user_id": None}
        yield message(_changed(cloud, identity, context=nobody))


def _changed(cloud: Cloud, identity: str, **changes: object) -> Event:
    event = Source(cloud.name, request="nobody").report("host0")
    return replace(event, body=event.body | {"message_id": identity} | changes)


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
