"""Replays dead letters: finds them, judges each, sends those that can be, and says what became of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from console.cli.configs import KafkaSettings
from console.deadletters.find import DeadLetterPlace, Survey, several, survey
from console.deadletters.letters import Filter, Letter
from console.deadletters.replay import Judge, NotReplayableError, Replay
from console.deadletters.sending import Sender

# Letters of one batch are in memory, bodies and all: 256 KiB each at most.
_BATCH: Final = 200

Emit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters to replay.

    Attributes:
        places: these, as (partition, offset); or else
        wanted: those that match,
        since_ms: written from then on (milliseconds since the epoch),
        limit: at most this many, the oldest.
        force: also those that were replayed before.
    """

    places: Sequence[tuple[int, int]]
    wanted: Filter
    since_ms: int | None
    limit: int
    force: bool


@dataclass(frozen=True, slots=True)
class ReplayOutcome:
    """What became of one dead letter.

    Attributes:
        place: where it lies.
        result: ``replayed``, ``would-replay``, ``already-replayed`` or ``not-replayed``.
        cloud, reason: its own; ``""`` where nothing is at that place.
        message_id: of what was sent; ``""`` where nothing was.
        why: why nothing was sent.
    """

    place: str
    result: str
    cloud: str = ""
    reason: str = ""
    message_id: str = ""
    why: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing is left to be done about it."""
        return self.result != "not-replayed"

    def line(self) -> str:
        """Return it as a line for a person."""
        return f"{self.place}  {self.result}  {self.message_id or self.why}"

    def as_object(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "place": self.place,
            "result": self.result,
            "cloud": self.cloud,
            "reason": self.reason,
            "message_id": self.message_id,
            "why": self.why,
        }


def replay_all(settings: KafkaSettings, choice: Choice, *, dry_run: bool, emit: Emit) -> Iterator[ReplayOutcome]:
    """Replay what is chosen, and yield what became of each.

    Args:
        settings: how to reach Kafka, and the topics' names; a bridge's clouds as well, for their `events`.
        choice: which dead letters.
        dry_run: send nothing.
        emit: reports progress and outages to a person.

    Raises:
        CannotReadError: Kafka can't be reached or refuses; what was yielded until then is done.
    """
    found = _found(settings, choice, emit)
    done = [place for place in found.places if str(place) in found.replayed and not choice.force]
    is_done = set(done)
    todo = [place for place in found.places if place not in is_done]
    yield from (_already(place, found.replayed) for place in (done if choice.places else ()))
    if len(todo) > choice.limit:
        emit(f"the oldest {choice.limit} of {len(todo)}: run it again for more")
        todo = todo[: choice.limit]
    counts = Counter({"already-replayed": len(done)})
    judge = Judge(_events(settings), settings.topics.notifications)
    sender = None if dry_run else Sender(settings)
    try:
        letters = several(settings, todo, emit) if todo else iter(())
        while batch := list(islice(letters, _BATCH)):
            for outcome in _batch(judge, sender, batch):
                counts[outcome.result] += 1
                yield outcome
            emit(f"{counts.total() - len(done)} of {len(todo)}")
    finally:
        if sender is not None:
            sender.close()
    yield from _missing(choice, found)
    emit(", ".join(f"{result} {count}" for result, count in sorted(counts.items()) if count) or "no dead letters")


def _found(settings: KafkaSettings, choice: Choice, emit: Emit) -> Survey:
    if not choice.places:
        return survey(settings, choice.wanted, since_ms=choice.since_ms, emit=emit)
    places = [DeadLetterPlace(0, partition, offset) for partition, offset in dict.fromkeys(choice.places)]
    letters = [letter for letter, _ in several(settings, places, emit)]
    there = sorted(DeadLetterPlace(letter.written_ms, letter.partition, letter.offset) for letter in letters)
    if not there:
        return Survey([], {})
    # Their replays were noted after they were written, on the same partition.
    notes = survey(settings, lambda _letter: False, since_ms=there[0].written_ms, emit=emit)
    return Survey(there, notes.replayed)


def _batch(judge: Judge, sender: Sender | None, batch: Iterable[tuple[Letter, bytes]]) -> Iterator[ReplayOutcome]:
    replays: list[tuple[Letter, Replay]] = []
    for letter, body in batch:
        try:
            replays.append((letter, judge.replay(letter, body)))
        except NotReplayableError as error:
            yield _outcome(letter, "not-replayed", why=str(error))
    if sender is None:
        yield from (_outcome(letter, "would-replay", message_id=replay.message_id) for letter, replay in replays)
        return
    sent = sender.send(replays)
    ids = {letter.place: replay.message_id for letter, replay in replays}
    yield from (_outcome(letter, "replayed", message_id=ids[letter.place]) for letter in sent.replayed)
    for letter, _ in replays:
        if letter.place in sent.refused:
            yield _outcome(letter, "not-replayed", why=f"Kafka refuses it again: {sent.refused[letter.place]}")


def _outcome(letter: Letter, result: str, *, message_id: str = "", why: str = "") -> ReplayOutcome:
    return ReplayOutcome(letter.place, result, letter.cloud, letter.reason, message_id, why)


def _already(place: DeadLetterPlace, replayed: Mapping[str, str]) -> ReplayOutcome:
    why = f"at {replayed[str(place)]}; once more with --force"
    return ReplayOutcome(str(place), "already-replayed", why=why)


def _missing(choice: Choice, found: Survey) -> Iterator[ReplayOutcome]:
    there = {(place.partition, place.offset) for place in found.places}
    for partition, offset in dict.fromkeys(choice.places):
        if (partition, offset) not in there:
            yield ReplayOutcome(f"{partition}/{offset}", "not-replayed", why="nothing is at that place")


def _events(settings: KafkaSettings) -> dict[str, Sequence[str]]:
    """Return what each cloud of a bridge's file sends to the notifications' topic."""
    clouds = settings.clouds if isinstance(settings.clouds, list) else []
    found: dict[str, Sequence[str]] = {}
    for cloud in clouds:
        if isinstance(cloud, Mapping) and isinstance(cloud.get("name"), str) and isinstance(cloud.get("events"), list):
            found[cloud["name"]] = [str(pattern) for pattern in cloud["events"]]
    return found
