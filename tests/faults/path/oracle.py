"""What the topics, the store and the dead letters must hold of what was sent: worked out anew, without the product."""

import json
from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from precache.contract.topics import BRIDGE_TYPE
from tests.support.events import Event
from tests.support.final_records import comparable, final_record
from tests.support.kafka import header, read_all
from tests.support.process import wait_until
from tests.support.stack import Stack
from tests.support.store_rows import parsed, tag_in_store

# What a report says of itself; its counts are those of the moment, and checked apart.
_OF_THE_REPORT: Final = ("cloud", "aggregate_uuid", "aggregate_name", "host", "index", "images_cached", "images_failed")
_COUNTS: Final = ("hosts_total", "hosts_done", "hosts_failed", "percent")
# In the record, and not in the row.
_COUNTED: Final = frozenset({"image_counts"})
_SHOWN: Final = 5


@dataclass
class Sent:
    """What Nova sent, each thing once, however often it was published."""

    # By operation, then by message id.
    operations: dict[str, dict[str, Event]] = field(default_factory=dict)
    # Bodies that the bridge can't read: the AMQP message id, by which its dead letter is found, to the reason.
    unreadable: dict[str, str] = field(default_factory=dict)
    # Message ids of notifications that belong to no operation.
    without_request: set[str] = field(default_factory=set)

    def add(self, events: Iterable[Event]) -> None:
        """Note events of operations."""
        for event in events:
            self.operations.setdefault(operation_of(event), {}).setdefault(event.body["message_id"], event)

    def message_ids(self) -> set[str]:
        """Return the ids of all notifications that belong in Kafka."""
        return self.without_request.union(*self.operations.values())


def operation_of(event: Event) -> str:
    """Return the identity of the operation that an event belongs to."""
    return f"{event.key.decode()}/{event.body['context']['request_id']}"


@dataclass(frozen=True)
class Figures:
    """What was found, once it was found to be right."""

    notifications: int
    repeated: int
    operations: int
    progress: int
    letters: int

    def __str__(self) -> str:
        return (
            f"{self.notifications} notifications ({self.repeated} records more than once), "
            f"{self.operations} operations, {self.progress} reports, {self.letters} dead letters: "
            "none missing, none twice"
        )


def wait_right(stack: Stack, sent: Sent, timeout_s: float, without: AbstractSet[str] = frozenset()) -> Figures:
    """Wait until all that was sent is everywhere, and nothing else is; ``without``: keys of operations to pass over.

    Raises:
        AssertionError: what is missing, wrong or too much once the time is up.
    """
    try:
        wait_until(
            lambda: _is_over(stack, sent, without),
            "all operations to be over and all offsets committed",
            timeout_s,
            0.5,
        )
    except AssertionError as error:
        _check(stack, sent, without)  # says what is missing
        raise AssertionError(f"{error}, though all is right") from None
    return _check(stack, sent, without)


def _is_over(stack: Stack, sent: Sent, without: AbstractSet[str]) -> bool:
    if not stack.is_at_the_end():
        return False
    try:
        _check(stack, sent, without)
    except AssertionError:
        return False
    return True


def _check(stack: Stack, sent: Sent, without: AbstractSet[str]) -> Figures:
    ids = Counter(_notifications(stack))
    _same("nova.notifications", dict.fromkeys(sent.message_ids(), True), dict.fromkeys(ids, True))
    progress = _check_progress(stack, sent)
    _check_operations(stack, sent, without)
    letters = _check_letters(stack, sent)
    return Figures(len(ids), sum(ids.values()) - len(ids), len(sent.operations), progress, letters)


def _notifications(stack: Stack) -> list[str]:
    found = read_all(stack.servers.kafka, stack.topics.notifications)
    return [header(record, "ce_id") for record in found if header(record, "ce_type") != BRIDGE_TYPE]


def _check_progress(stack: Stack, sent: Sent) -> int:
    """One record and one point a host that reported, with what it reported; the counts go 1, 2, 3."""
    records = _records(stack, stack.topics.progress)
    points = [parsed(point) for point in stack.points("precache_progress")]
    wanted = {
        (operation, event.data()["host"]): _report(operation, event)
        for operation, events in sent.operations.items()
        for event in events.values()
        if event.body["event_type"].endswith(".progress")
    }
    _same("precache.progress", wanted, _by_host(records, lambda record: _picked(record, _OF_THE_REPORT)))
    stored = {key: {name: _as_stored(name, value) for name, value in row.items()} for key, row in wanted.items()}
    stored = {(operation, row["host"]): row for (operation, _), row in stored.items()}
    _same("points", stored, _by_host(points, lambda point: _picked(point, _OF_THE_REPORT)))
    counts = _by_host(records, lambda record: _picked(record, _COUNTS))
    in_store = {(operation, tag_in_store(host)): row for (operation, host), row in counts.items()}
    _same("points' counts", in_store, _by_host(points, lambda point: _picked(point, _COUNTS)))
    for operation in sent.operations:
        done = sorted(record["hosts_done"] for record in records if record["operation"] == operation)
        assert done == list(range(1, len(done) + 1)), f"{operation}: hosts_done {done}"
    return len(records)


def _report(operation: str, event: Event) -> dict[str, Any]:
    return _picked(event.data() | _place(operation, event), _OF_THE_REPORT)


def _place(operation: str, event: Event) -> dict[str, str]:
    cloud, aggregate, _ = operation.split("/")
    return {"cloud": cloud, "aggregate_uuid": aggregate, "aggregate_name": event.data()["name"]}


def _as_stored(name: str, value: Any) -> Any:
    return tag_in_store(value) if name in {"aggregate_name", "host"} else value


def _picked(row: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _by_host(rows: Iterable[dict[str, Any]], pick: Any) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for row in rows:
        key = (row["operation"], row["host"])
        assert key not in found, f"{key} stands twice"
        found[key] = pick(row)
    return found


def _check_operations(stack: Stack, sent: Sent, without: AbstractSet[str]) -> None:
    """The last record, the row and the images of each operation say what its events say."""
    records = _records(stack, stack.topics.operations)
    last = {record["operation"]: record for record in records}
    wanted = {
        operation: _without(without, final_record(events.values())) for operation, events in sent.operations.items()
    }
    found = {operation: _without(without, comparable(record)) for operation, record in last.items()}
    _same("precache.operations", wanted, found)
    for operation in wanted:
        numbers = [record["sequence"] for record in records if record["operation"] == operation]
        assert numbers == list(range(1, len(numbers) + 1)), f"{operation}: sequence {numbers}"
    rows = [parsed(row) for row in stack.points("precache_operation")]
    assert len(rows) == len(wanted), f"{len(rows)} rows of {len(wanted)} operations"
    stored = {row["operation"]: _as_decided(row, wanted.get(row["operation"], {})) for row in rows}
    decided = {name: {"revision": last[name]["revision"]} | _without(_COUNTED, row) for name, row in wanted.items()}
    _same("rows", decided, stored)
    images = {
        (row["operation"], row["image"]): (row["hosts_cached"], row["hosts_failed"])
        for row in stack.points("precache_image")
    }
    counted = {
        (operation, tag_in_store(image)): (count["hosts_cached"], count["hosts_failed"])
        for operation, row in wanted.items()
        for image, count in row["image_counts"].items()
    }
    _same("images", counted, images)


def _without(names: AbstractSet[str], row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _as_decided(row: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    sets = {name: set(row[name]) for name in ("failed_hosts", "silent_hosts")}
    return _picked(row | sets, ["revision", *_without(_COUNTED, wanted)])


def _check_letters(stack: Stack, sent: Sent) -> int:
    """Each unreadable body is a dead letter, and each event without a request; again only if the record came again."""
    wanted = sent.unreadable | dict.fromkeys(sent.without_request, "no-request-id")
    found: dict[str, str] = {}
    letters = read_all(stack.servers.kafka, stack.topics.deadletters)
    for letter in letters:
        reason = header(letter, "precache_reason")
        properties = json.loads(header(letter, "precache_properties"))
        identity = properties.get("message_id") or json.loads(letter.value() or b"{}").get("message_id", "")
        assert found.setdefault(identity, reason) == reason, f"{identity}: {found[identity]} and {reason}"
    _same("precache.deadletters", wanted, found)
    return len(letters)


def _records(stack: Stack, topic: str) -> list[dict[str, Any]]:
    """Return the values of a derived topic, partition by partition; a ce_id that stands twice is a failure."""
    found = read_all(stack.servers.kafka, topic)
    repeated = [name for name, count in Counter(header(record, "ce_id") for record in found).items() if count > 1]
    assert not repeated, f"{topic}: {len(repeated)} ids stand twice, {repeated[:_SHOWN]}"
    return [json.loads(record.value() or b"") for record in found]


def _same(what: str, wanted: dict[Any, Any], found: dict[Any, Any]) -> None:
    """Hold two tables against each other, and name the first differences."""
    missing, strange = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    wrong = [(key, wanted[key], found[key]) for key in wanted.keys() & found.keys() if wanted[key] != found[key]]
    errors = [*_few("missing", missing), *_few("that nobody sent", strange)]
    errors += [f"{len(wrong)} wrong: {wrong[:2]}"] if wrong else []
    assert not errors, f"{what}: {', '.join(errors)}"


def _few(what: str, keys: set[Any]) -> list[str]:
    """Return a text with a few of the keys, or none."""
    return [f"{len(keys)} {what}: {sorted(map(str, keys))[:_SHOWN]}"] if keys else []
