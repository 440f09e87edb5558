"""Which image is on which host, as far as reports go: an estimate. Pure.

For one image on one host, operations count by their START, the last one first, whichever aggregate they were for:

- The last report says that it failed: ``failed``. A host that is down fails, too.
- Else the image was touched at the START of the last operation that reported it cached, or at the creation of the last
  instance that booted from it there. Nova purges an unused image once it is ``purge_after`` old: until then it is
  ``resident``, or ``expiring`` when less than a margin is left. A touch before a failure does not count.
- Past that, a host that was asked last and gave no answer is ``silent``, and any other ``unsure``: it may be there.
- A report of an operation whose START is missing is no touch: ``unsure`` at best.
- ``missing``: a host that is in the aggregate now and was never asked. Said only where Nova was asked for the hosts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple, get_args

from msgspec import Struct

from precache.contract.identity import natural
from precache.contract.times import NS_PER_S, parse_ns
from precache.query.api import Evidence
from precache.query.records import StoredBoot, StoredOperation

State = Literal["resident", "expiring", "unsure", "failed", "silent", "missing"]
STATES: Final[tuple[State, ...]] = get_args(State)
MARGIN_S: Final = 4 * 3_600.0

AggregateKey = tuple[str, str]
"""A cloud, and an aggregate's id."""

_NOTHING: Final[frozenset[str]] = frozenset()


class Question(Struct, frozen=True, kw_only=True):
    """What is asked.

    Attributes:
        now_ns: the present, nanoseconds since the epoch.
        purge_after_s: seconds until Nova purges an unused image, by cloud, aggregate's id and aggregate's name.
        aggregate: its name or id; ``""``: each.
        image: ``""``: each.
        margin_s: an image that has less left than this is ``expiring``.
        live_hosts: the hosts that Nova has in an aggregate now, where it was asked.
    """

    now_ns: int
    purge_after_s: Callable[[str, str, str], float]
    aggregate: str = ""
    image: str = ""
    margin_s: float = MARGIN_S
    live_hosts: Mapping[AggregateKey, Sequence[str]] = {}


class HostImage(Struct, frozen=True, gc=False):
    """One image on one host of an aggregate.

    Attributes:
        touched: when it was touched last, as far as it counts; nanoseconds, 0: unknown.
        expires: when Nova may purge it; nanoseconds, 0: unknown.
        operation: the operation that decided; ``""`` for a boot, and for ``missing``.
    """

    host: str
    image: str
    state: State
    touched: int = 0
    expires: int = 0
    operation: str = ""


class Residency(Struct, frozen=True, kw_only=True):
    """The images of one aggregate on its hosts.

    Attributes:
        as_of: START of the operation that listed the hosts; nanoseconds, 0: Nova was asked.
        hosts: in natural order.
        lists_cut: the store does not name all hosts: the list of silent ones was too long.
        pairs: each image and host that something is known of, by image, then host.
    """

    cloud: str
    aggregate_uuid: str
    aggregate_name: str
    as_of: int
    hosts: tuple[str, ...]
    images: tuple[str, ...]
    lists_cut: bool
    pairs: tuple[HostImage, ...]


class _Event(NamedTuple):
    """What is known of a host from an operation or a boot; compared by time first."""

    at: int
    operation: str
    cached: frozenset[str]
    failed: frozenset[str] = _NOTHING
    silent: frozenset[str] = _NOTHING
    is_dated: bool = True


def estimate(evidence: Evidence, question: Question, boots: Iterable[StoredBoot] = ()) -> list[Residency]:
    """Return what is known of each aggregate, by cloud and aggregate's name."""
    aggregates = _by_aggregate(evidence.operations)
    told_by = {key: _host_tellers(operations) for key, operations in aggregates.items()}
    hosts, events = _gather(evidence, {each.operation: key for key, tellers in told_by.items() for each in tellers})
    for boot in boots:
        if boot.result == "active":
            created = boot.time - int(boot.duration_s * NS_PER_S)
            events[boot.cloud, boot.host].append(_Event(created, "", frozenset((boot.image,))))
    for found in events.values():
        found.sort(key=_order, reverse=True)
    wanted = [key for key, each in aggregates.items() if question.aggregate in {"", key[1], each[0].aggregate_name}]
    made = [_residency(aggregates[key], told_by[key], hosts[key], events, question) for key in wanted]
    return sorted((each for each in made if each.images), key=lambda each: (each.cloud, natural(each.aggregate_name)))


def _by_aggregate(operations: Iterable[StoredOperation]) -> dict[AggregateKey, list[StoredOperation]]:
    found: dict[AggregateKey, list[StoredOperation]] = defaultdict(list)
    for each in sorted(operations, key=lambda each: (start_of(each), each.operation), reverse=True):
        found[each.cloud, each.aggregate_uuid].append(each)
    return found


def _host_tellers(operations: Sequence[StoredOperation]) -> list[StoredOperation]:
    """Return the operations that name an aggregate's hosts: the last that has ended, and those that run since then."""
    last = next((index for index, each in enumerate(operations) if each.is_final), len(operations))
    return list(operations[: last + 1])


def _gather(
    evidence: Evidence, told_by: Mapping[str, AggregateKey]
) -> tuple[dict[AggregateKey, set[str]], dict[tuple[str, str], list[_Event]]]:
    """Return the hosts of each aggregate, and what is known of each host; of equal reports the last one."""
    known = {each.operation: each for each in evidence.operations}
    starts = {name: start_of(each) for name, each in known.items()}
    hosts: dict[AggregateKey, set[str]] = defaultdict(set)
    reported: dict[tuple[str, str], dict[tuple[frozenset[str], frozenset[str], bool], _Event]] = defaultdict(dict)
    for _, cloud, host, name, cached, failed in evidence.outcomes:
        if name in told_by:
            hosts[told_by[name]].add(host)
        is_dated = not known[name].start_missing
        of_host = reported[cloud, host]
        same = of_host.get((cached, failed, is_dated))
        if same is None or (starts[name], name) > (same.at, same.operation):
            of_host[cached, failed, is_dated] = _Event(starts[name], name, cached, failed, is_dated=is_dated)
    events = defaultdict(list, {key: list(found.values()) for key, found in reported.items()})
    for each in evidence.operations:
        silent = frozenset(each.images)
        for host in each.silent_hosts:
            events[each.cloud, host].append(_Event(starts[each.operation], each.operation, _NOTHING, silent=silent))
            if each.operation in told_by:
                hosts[told_by[each.operation]].add(host)
    return hosts, events


def _order(event: _Event) -> tuple[int, str]:
    return event.at, event.operation


def start_of(operation: StoredOperation) -> int:
    """Return when Nova began it, as far as is known: nanoseconds."""
    return parse_ns(operation.started_at) if operation.started_at else operation.time


def _residency(
    operations: Sequence[StoredOperation],
    tellers: Sequence[StoredOperation],
    reported: Iterable[str],
    events: Mapping[tuple[str, str], list[_Event]],
    question: Question,
) -> Residency:
    newest = operations[0]
    live = question.live_hosts.get((newest.cloud, newest.aggregate_uuid))
    hosts = tuple(sorted(reported if live is None else live, key=natural))
    images = {image for each in operations for image in each.images}
    asked = tuple(sorted(images & {question.image} if question.image else images))
    purge_after_s = question.purge_after_s(newest.cloud, newest.aggregate_uuid, newest.aggregate_name)
    judge = _Judge(question.now_ns, int(purge_after_s * NS_PER_S), int(question.margin_s * NS_PER_S), live is not None)
    of_host = [(host, events.get((newest.cloud, host), ())) for host in hosts]
    pairs = (judge.pair(host, image, found) for image in asked for host, found in of_host)
    return Residency(
        cloud=newest.cloud,
        aggregate_uuid=newest.aggregate_uuid,
        aggregate_name=newest.aggregate_name,
        as_of=0 if live is not None else start_of(tellers[-1]),
        hosts=hosts,
        images=asked,
        lists_cut=live is None and any(each.lists_cut for each in tellers),
        pairs=tuple(pair for pair in pairs if pair is not None),
    )


class _Judge(NamedTuple):
    """Decides on one image and one host of an aggregate; times are nanoseconds."""

    now: int
    purge_after: int
    margin: int
    is_live: bool

    def pair(self, host: str, image: str, events: Iterable[_Event]) -> HostImage | None:
        """Return what is known; ``None`` for nothing. The events come with the last one first."""
        last, touch = _last_and_touch(image, events)
        if last is None:
            return HostImage(host, image, "missing") if self.is_live else None
        if image in last.failed:
            return HostImage(host, image, "failed", operation=last.operation)
        if touch is None:
            return HostImage(host, image, "silent" if image in last.silent else "unsure", operation=last.operation)
        expires = touch.at + self.purge_after
        if self.now < expires:
            state: State = "expiring" if expires - self.now < self.margin else "resident"
            return HostImage(host, image, state, touch.at, expires, touch.operation)
        state = "silent" if image in last.silent else "unsure"
        return HostImage(host, image, state, touch.at, expires, last.operation)


def _last_and_touch(image: str, events: Iterable[_Event]) -> tuple[_Event | None, _Event | None]:
    last: _Event | None = None
    for event in events:
        if image in event.cached:
            last = last or event
            if event.is_dated:
                return last, event
        elif image in event.failed:
            return last or event, None
        elif image in event.silent:
            last = last or event
    return last, None


def counts(pairs: Iterable[HostImage]) -> Iterator[tuple[State, int]]:
    """Yield how many pairs are in each state."""
    found = dict.fromkeys(STATES, 0)
    for pair in pairs:
        found[pair.state] += 1
    yield from found.items()
