"""One host's report in one operation: a record of ``precache.progress``, and a point of ``precache_progress``."""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

from precache.contract.tables.fields import field, record, tag


class Progress(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One host's first report. Counts, ``percent`` and ``errors`` stand as after it.

    Source: Nova's ``aggregate.cache_images.progress``. A key that was added after version 1.0 has a default, and is
    absent from the record while it has that value.
    """

    cloud: Annotated[str, tag("the cloud, as named in `bridge.yaml`")]
    aggregate_uuid: Annotated[str, tag("the host aggregate")]
    aggregate_name: Annotated[str, tag("its name when the operation began")]
    host: Annotated[str, tag("the compute host")]
    operation: Annotated[str, field("the operation's id")]
    index: Annotated[int, field("Nova's number of the host; may repeat or skip: count hosts instead")]
    hosts_total: Annotated[int, field("all hosts of the operation", "hosts")]
    hosts_done: Annotated[int, field("that reported, with or without failures", "hosts")]
    hosts_failed: Annotated[int, field("with at least one failed image", "hosts")]
    percent: Annotated[float, field("100 * hosts_done / hosts_total", "%")]
    images_cached: Annotated[Sequence[str], field("images that are on this host now")]
    images_failed: Annotated[
        Sequence[str],
        field(
            "images that are not: an error, an unsupported image type, or the host was down (Nova does not say which)"
        ),
    ]
    images_cached_count: Annotated[int, field("in `images_cached`", "images")]
    images_failed_count: Annotated[int, field("in `images_failed`", "images")]
    errors: Annotated[int, record("failed (host, image) pairs, with this report", "(host, image) pairs")]
    message_id: Annotated[str, record("Nova's")]
    lists_cut: Annotated[
        bool,
        record(
            "`true` if the lists of images were cut to keep the record below 900 kB, else absent; counts are complete"
        ),
    ] = False
    conductor: Annotated[str, field('the host of the nova-conductor that published the report; `""` when unknown')] = ""


_decode: Final = Decoder(Progress).decode


def read_progress(value: bytes | None) -> Progress | None:
    """Return a record of ``precache.progress``; ``None`` for what is none: a later version's, or a stranger's."""
    try:
        return _decode(value or b"")
    except (DecodeError, UnicodeDecodeError):
        return None
