"""What a commit of the next offset carries beside it: a few words in the offset's metadata.

``v1;low=123;parts=4;clock=1790000000000;txn=precache-processor-central-1``: the first offset that an operation in
memory needs, the number of partitions, where the partition's clock stood (milliseconds), so that a restart does not set
it back, and the transactional id of the processor that committed, percent-encoded. While late events wait for their
revision, ``revise=...`` is when it is due, on that clock. Readers pass over keys that they don't know.
"""

from typing import Final, NamedTuple
from urllib.parse import quote, unquote

VERSION: Final = "v1"
_KEYS: Final = ("low", "parts", "clock")
_REVISE: Final = "revise"
_TRANSACTIONAL_ID: Final = "txn"


class CommitMetadata(NamedTuple):
    """A commit's metadata; the transactional id is ``""`` in commits of versions that did not name it."""

    replay_from: int
    partitions: int
    clock_ms: int
    revise_at_ms: int | None = None
    transactional_id: str = ""


def write(metadata: CommitMetadata) -> str:
    """Return the metadata of a commit."""
    words = [VERSION, *(f"{key}={value}" for key, value in zip(_KEYS, metadata[: len(_KEYS)], strict=True))]
    if metadata.revise_at_ms is not None:
        words.append(f"{_REVISE}={metadata.revise_at_ms}")
    if metadata.transactional_id:
        words.append(f"{_TRANSACTIONAL_ID}={quote(metadata.transactional_id, safe='')}")
    return ";".join(words)


def read(text: str | None) -> CommitMetadata | None:
    """Return what a commit's metadata says; ``None`` when it has none, or one of an unknown version."""
    version, *pairs = (text or "").split(";")
    values = dict(pair.partition("=")[::2] for pair in pairs)
    if version != VERSION or not all(values.get(key, "").isdecimal() for key in _KEYS):
        return None
    revise = values.get(_REVISE, "")
    replay_from, partitions, clock_ms = (int(values[key]) for key in _KEYS)
    due_ms = int(revise) if revise.isdecimal() else None
    return CommitMetadata(replay_from, partitions, clock_ms, due_ms, unquote(values.get(_TRANSACTIONAL_ID, "")))
