"""Which operations run on which clouds, and in which order their events come."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from precache.contract.nova import END, PROGRESS, START

IMAGE: Final = "c3b84ecf-43e9-4c6c-adfd-ab6db0e2bca2"

# In a real cloud two notifications are further apart than this; here their times only have to differ.
_STEP: Final = timedelta(microseconds=100)


class Operation(NamedTuple):
    """One call of the API: its aggregate, and the id that all its events share."""

    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    request_id: str


class Event(NamedTuple):
    """One notification. `host` counts from 0 and is -1 for START and END; `time` is naive UTC, as Nova's are."""

    operation: Operation
    event_type: str
    host: int
    failed: bool
    time: datetime
    message_id: str
    unique_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A load, the same for every program that is measured on it.

    Attributes:
        clouds: how many.
        operations: how many on each cloud.
        hosts: how many in each aggregate; each reports once an operation.
        aggregates: how many on each cloud; operations take them in turn, so series in InfluxDB are
            clouds x aggregates x hosts.
        parallel: how many operations run at once on each cloud.
        ended: whether END comes; without it operations stay open.
        failing: one host in that many fails its image; 0 for none.
        first: the number of the first operation: two plans with other numbers share no operation.
    """

    clouds: int
    operations: int
    hosts: int
    aggregates: int = 4
    parallel: int = 2
    ended: bool = True
    failing: int = 20
    first: int = 0

    @property
    def progress_events(self) -> int:
        """How many points there will be."""
        return self.clouds * self.operations * self.hosts

    @property
    def all_operations(self) -> int:
        """How many operations there will be."""
        return self.clouds * self.operations

    @property
    def events(self) -> int:
        """How many notifications there will be."""
        return self.progress_events + self.all_operations * (2 if self.ended else 1)

    def operation(self, cloud: int, number: int) -> Operation:
        """Return one operation of one cloud."""
        name = f"cloud{cloud:02d}"
        aggregate = f"aggregate-{number % self.aggregates}"
        return Operation(
            name,
            str(uuid5(NAMESPACE_URL, f"{name}/{aggregate}")),
            aggregate,
            f"req-{uuid5(NAMESPACE_URL, f'{name}/{number}')}",
        )

    def stream(self, start: datetime | None = None, step: timedelta = _STEP, seed: int = 1) -> Iterator[Event]:
        """Return the events in the order in which they are sent; one seed gives the same ids.

        Args:
            start: the time of the first notification; an hour ago when not given.
            step: the time between two.
            seed: of the message ids.
        """
        return self._events(self._order(), start or datetime.now(UTC) - timedelta(hours=1), step, seed)

    def ends(self) -> Iterator[Event]:
        """Yield the END of every operation, where `stream` leaves them open."""
        numbers = range(self.first, self.first + self.operations)
        order = ((self.operation(cloud, number), END, -1) for number in numbers for cloud in range(self.clouds))
        return self._events(order, datetime.now(UTC), _STEP, seed=0)

    def _events(
        self, order: Iterator[tuple[Operation, str, int]], start: datetime, step: timedelta, seed: int
    ) -> Iterator[Event]:
        bits = random.Random(seed).getrandbits
        time = start.replace(tzinfo=None)
        for operation, event_type, host in order:
            time += step
            failed = host >= 0 and self.failing > 0 and host % self.failing == self.failing - 1
            text = f"{bits(128):032x}"
            message_id = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
            yield Event(operation, event_type, host, failed, time, message_id, f"{bits(128):032x}")

    def _order(self) -> Iterator[tuple[Operation, str, int]]:
        end = self.first + self.operations
        for begin in range(self.first, end, self.parallel):
            numbers = range(begin, min(begin + self.parallel, end))
            running = [self.operation(cloud, number) for number in numbers for cloud in range(self.clouds)]
            yield from ((operation, START, -1) for operation in running)
            for host in range(self.hosts):
                yield from ((operation, PROGRESS, host) for operation in running)
            if self.ended:
                yield from ((operation, END, -1) for operation in running)


def host_name(host: int) -> str:
    """Return the name of a host of an aggregate."""
    return f"compute-{host:05d}"
