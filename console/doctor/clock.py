"""Looks at the clocks that a processor's group has committed: one far ahead gives operations up too early."""

import time
from collections.abc import Mapping
from typing import Final

from console.cli.configs import KafkaSettings
from console.doctor.findings import Check, Finding, fail, ok, warn
from precache.kafka.errors import KafkaCallError
from precache.kafka.groups import GroupCommits
from processor.core.partition import MAX_AHEAD_MS
from processor.group import commit_metadata as commits

_TIMEOUT_S: Final = 12.0
_MS_PER_S: Final = 1_000
_REMEDY: Final = (
    "check NTP on this machine, the brokers and the processors; a processor takes the clock back by itself when it "
    "starts, and logs processor.clock_taken_back"
)


def check(settings: KafkaSettings, group: str) -> Check:
    """Return the check of the clocks that a group has committed."""
    return Check(f"clock of {group}", lambda: [_look(settings, group)])


def found(what: str, clocks_ms: Mapping[int, int], now_ms: int) -> Finding:
    """Return what the committed clocks of partitions, by number, say at a given wall time (milliseconds)."""
    if not clocks_ms:
        return ok(what, "nothing is committed yet")
    ahead = {number: clock_ms - now_ms for number, clock_ms in clocks_ms.items() if clock_ms - now_ms > MAX_AHEAD_MS}
    if not ahead:
        return ok(what, f"{len(clocks_ms)} partitions, none ahead of this machine's")
    summary = ", ".join(f"partition {number} by {ms // _MS_PER_S} s" for number, ms in sorted(ahead.items()))
    return warn(what, f"ahead of this machine's: {summary}", _REMEDY)


def _look(settings: KafkaSettings, group: str) -> Finding:
    what = f"clock of {group}"
    try:
        with GroupCommits(settings.kafka, "precache-doctor", group) as reader:
            numbers = reader.partitions(settings.topics.notifications, _TIMEOUT_S)
            places = reader.read(settings.topics.notifications, numbers, _TIMEOUT_S)
    except KafkaCallError as error:
        return fail(what, str(error), "see the check of Kafka")
    metadata_of_all = {place.partition: commits.read(place.metadata) for place in places}
    clocks_ms = {number: metadata.clock_ms for number, metadata in metadata_of_all.items() if metadata is not None}
    return found(what, clocks_ms, time.time_ns() // 1_000_000)
