"""What was decided of an operation: a record of ``precache.operations``, and the rows that follow from it."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from precache.contract.tables.fields import field, names, record, tag

Status = Literal["running", "ending", "stalled", "completed", "completed_with_errors", "abandoned"]

FINAL_STATUSES: Final[frozenset[Status]] = frozenset({"completed", "completed_with_errors", "abandoned"})


class ImageCounts(Struct, frozen=True, kw_only=True):
    """On how many of an operation's hosts one image is cached, and on how many it failed."""

    hosts_cached: int
    hosts_failed: int


class Operation(Struct, frozen=True, kw_only=True):
    """What was decided of an operation; a row of ``precache_operation`` has its tags and fields.

    A processor reads its predecessors' records back: a key that is added later must have a default.
    """

    cloud: Annotated[str, tag("the cloud, as named in `bridge.yaml`")]
    aggregate_uuid: Annotated[str, tag("the host aggregate")]
    aggregate_name: Annotated[str, tag("its name when the operation began")]
    operation: Annotated[str, field("the operation's id")]
    status: Annotated[
        Status,
        field("`running`, `ending`, `stalled`; final: `completed`, `completed_with_errors`, `abandoned`"),
    ]
    revision: Annotated[
        int,
        field("0 until the first final result, which is 1; one more for the late events of each 2 s"),
    ]
    hosts_total: Annotated[int, field("all hosts of the operation", "hosts")]
    hosts_done: Annotated[int, field("that reported, with or without failures", "hosts")]
    hosts_failed: Annotated[int, field("with at least one failed image", "hosts")]
    hosts_silent: Annotated[int, field("that never reported; 0 until the result is final", "hosts")]
    errors: Annotated[int, field("failed pairs", "(host, image) pairs")]
    percent: Annotated[float, field("100 * hosts_done / hosts_total; 100 for an aggregate without hosts", "%")]
    images: Annotated[Sequence[str], field("images with a report, cached or failed")]
    failed_hosts: Annotated[Sequence[str], names("hosts with at least one failed image")]
    silent_hosts: Annotated[Sequence[str], names("hosts that never reported")]
    started_at: Annotated[str, field("when Nova began", "RFC 3339")]
    ended_at: Annotated[str, field('when Nova ended; `""` while the operation is open', "RFC 3339")]
    duration_s: Annotated[float, field("from start to end; while open, to the last event", "s")]
    start_missing: Annotated[bool, field("Nova's first event never came: `hosts_total` is from the reports")]
    end_missing: Annotated[bool, field("Nova's last event never came")]
    request_id: Annotated[str, field("the request id of the API call")]
    project_id: Annotated[str, field("the caller's project")]
    user_id: Annotated[str, field("the caller")]
    image_counts: Annotated[
        dict[str, ImageCounts], record('for each image, `{"hosts_cached": ..., "hosts_failed": ...}`')
    ]
    time: Annotated[str, record("the time of the row in the store, nine digits", "RFC 3339")]
    sequence: Annotated[int, record("from 1 within the operation, without gaps: a higher one is newer")]
    first_offset: Annotated[int, record("where the operation begins in its partition of `nova.notifications`")]
    final_at: Annotated[str, record('when it became final, by the partition\'s clock; `""` while open', "RFC 3339")]
    lists_cut: Annotated[bool, record("the lists were cut to keep the record below 900 kB; counts are complete")]
    global_request_id: Annotated[str, field('the global request id that the caller chose; `""` when there is none')] = (
        ""
    )
    conductor: Annotated[
        str, field('the host of the nova-conductor that published the progress; `""` when unknown')
    ] = ""


class ImageResult(Struct, frozen=True, kw_only=True):
    """What became of one image in a finished operation: a row of ``precache_image``, at the operation's time."""

    cloud: Annotated[str, tag("the cloud, as named in `bridge.yaml`")]
    aggregate_uuid: Annotated[str, tag("the host aggregate")]
    aggregate_name: Annotated[str, tag("its name when the operation began")]
    image: Annotated[str, tag("the image's id")]
    operation: Annotated[str, field("the operation's id")]
    hosts_cached: Annotated[int, field("with the image", "hosts")]
    hosts_failed: Annotated[int, field("where it failed", "hosts")]


_decode: Final = Decoder(Operation).decode


def read_operation(value: bytes | None) -> Operation | None:
    """Return a record of ``precache.operations``; ``None`` for what is none: a later version's, or a stranger's."""
    try:
        return _decode(value or b"")
    except (DecodeError, UnicodeDecodeError):
        return None
