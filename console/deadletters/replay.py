"""Whether a dead letter can be replayed, and as what: it is decoded again, by the version that runs here. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_args

import orjson

from bridge.config import DEFAULT_EVENTS
from bridge.decode import compression as contenttype
from bridge.decode import reasons
from bridge.decode.message import Decoder, Forward, Route
from bridge.decode.poison import Poison
from console.deadletters.letters import Letter
from precache.contract import cloudevents
from precache.contract.nova import CACHE_IMAGES
from precache.contract.topics import NOVA_TYPE_PREFIX
from precache.runtime.byte_masking import MASK
from processor.core.decode import Boundary, ProgressReport, read
from processor.core.explain import Reason, Unreadable
from processor.core.partition import identity_of

_OF_PROCESSOR: Final = frozenset(get_args(Reason))
_NEVER: Final = {
    "late": "its operation was closed, so it would be late again: it changes nothing",
    "refused-point": "it is a row that the store refused, no notification: see `precache processor --rebuild-store`",
}


@dataclass(frozen=True, slots=True)
class Replay:
    """What to send to the notifications' topic."""

    message_id: str
    key: bytes
    value: bytes
    headers: cloudevents.Headers


class NotReplayableError(Exception):
    """A dead letter can't be replayed; the text says why."""


class Judge:
    """Decides what becomes of dead letters.

    Args:
        events: by cloud, the patterns of the event types that go to the notifications' topic, where they are known.
        notifications: that topic.
    """

    def __init__(self, events: Mapping[str, Sequence[str]], notifications: str) -> None:
        self._events = events
        self._notifications = notifications
        self._decoders: dict[str, Decoder] = {}

    def replay(self, letter: Letter, body: bytes) -> Replay:
        """Return what to send.

        Raises:
            NotReplayableError: nothing can be sent, or should.
        """
        if letter.replay_of:
            raise NotReplayableError(f"it is the record of the replay of {letter.replay_of}")
        if letter.reason in _NEVER:
            raise NotReplayableError(_NEVER[letter.reason])
        if letter.reason not in reasons.REASONS and letter.reason not in _OF_PROCESSOR:
            raise NotReplayableError(f"this version does not know the reason {letter.reason!r}")
        if letter.ours.length is not None:
            raise NotReplayableError(f"its body is cut: {len(body)} of {letter.ours.length} bytes are left")
        topics = letter.ours.topics or ""
        if topics and self._notifications not in topics.split(","):
            raise NotReplayableError(
                f"{topics} refused it, to which `forward:` sends it; {self._notifications}, where replays go, took it"
            )
        try:
            found = _record(letter, body) if letter.reason in _OF_PROCESSOR else self._decoded(letter, body)
        except (Poison, Unreadable) as problem:
            raise NotReplayableError(f"this version can't read it either: {problem}") from problem
        except NotReplayableError:
            raise
        except Exception as error:
            raise NotReplayableError(f"this version fails on it, too ({type(error).__name__})") from error
        _check_masked(letter, found.value)
        return found

    def _decoded(self, letter: Letter, body: bytes) -> Replay:
        """Decode a message of RabbitMQ as the bridge does."""
        # What was compressed was opened before it was kept; the rest has to be what its properties say.
        contenttype.opener(_properties(letter))
        decoder = self._decoders.get(letter.cloud)
        if decoder is None:
            events = tuple(self._events.get(letter.cloud, DEFAULT_EVENTS))
            decoder = self._decoders[letter.cloud] = Decoder(letter.cloud, [Route("", events)])
        outcome = decoder.decode(body)
        if isinstance(outcome, Poison):
            raise outcome
        if not isinstance(outcome, Forward):
            raise NotReplayableError("its event type is not one that goes to the notifications' topic")
        return Replay(dict(outcome.headers)["ce_id"].decode(), outcome.key, outcome.value, outcome.headers)


def _record(letter: Letter, body: bytes) -> Replay:
    """Take a record that the processor refused: its value is what the bridge had made."""
    event = read(body)
    said: dict[str, Any] = orjson.loads(body)
    if said["event_type"] not in CACHE_IMAGES:
        raise NotReplayableError("it is no notification of image pre-caching")
    key = str(_properties(letter).get("key") or "")
    if isinstance(event, ProgressReport | Boundary):
        identity_of(key.encode(), event)  # else it would be refused again
    headers = cloudevents.headers(
        event_id=said["message_id"],
        source_path=cloudevents.source("clouds", letter.cloud, said["publisher_id"]),
        event_type=NOVA_TYPE_PREFIX + said["event_type"],
        subject=key,
        time=said["timestamp"],
    )
    return Replay(said["message_id"], key.encode(), body, headers)


def _check_masked(letter: Letter, value: bytes) -> None:
    """Refuse what is not Nova's own any more. What never leaves the cloud, such as a token, may well be masked.

    A letter of an earlier version does not say whether something was masked: then the mark alone decides.
    """
    if letter.ours.masked != "false" and MASK in value:
        raise NotReplayableError("credentials were masked in what would be sent")


def _properties(letter: Letter) -> dict[str, Any]:
    try:
        found = orjson.loads(letter.ours.properties or "{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
