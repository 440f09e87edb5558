"""A declared image on an aggregate: a record of ``precache.wanted``, and a row of ``precache_wanted``."""

from typing import Annotated, Literal

from msgspec import Struct

from precache.contract.tables.fields import field, record, tag

WantedState = Literal["resident", "working", "waiting", "failing", "paused", "removed"]
NextAction = Literal["none", "ask", "wait"]
Answer = Literal["", "intended", "accepted", "refused", "unknown"]
Outcome = Literal["", "over", "refused", "unheard", "dead"]


class Wanted(Struct, frozen=True, kw_only=True):
    """How one declared image stands on one aggregate, and the keeper's last request for it.

    A record is written when something in it changed. The keeper reads its own records back after a restart: a key that
    is added later must have a default. While an aggregate or an image is unknown, its declared name stands for the id.
    """

    cloud: Annotated[str, tag("the cloud, as named in `keep.yaml`")]
    aggregate_uuid: Annotated[str, tag("the host aggregate")]
    aggregate_name: Annotated[str, tag("its name")]
    image: Annotated[str, tag("the image's id")]
    state: Annotated[WantedState, field("`resident`, `working`, `waiting`, `failing`, `paused`; final: `removed`")]
    hosts_wanted: Annotated[int, field("of the aggregate", "hosts")]
    hosts_resident: Annotated[int, field("that have the image, `hosts_expiring` not included", "hosts")]
    hosts_expiring: Annotated[int, field("that have it, and may lose it within the margin", "hosts")]
    hosts_failed: Annotated[int, field("whose last report is a failure", "hosts")]
    hosts_silent: Annotated[int, field("that were asked last and did not report", "hosts")]
    hosts_unsure: Annotated[int, field("that had it, and may have lost it since", "hosts")]
    hosts_missing: Annotated[int, field("that no operation covered", "hosts")]
    next_action: Annotated[NextAction, field("`ask`, `wait`, or `none` when there is nothing to do")]
    next_at: Annotated[str, field('when the next request is due; `""` when that is not known', "RFC 3339")]
    reason: Annotated[str, field("why it stands so, in words")]
    last_operation: Annotated[str, field("the operation of the last request, else of another one's")]
    round: Annotated[int, record("counts the keeper's requests for this image on this aggregate")]
    global_request_id: Annotated[str, record('of the last request; `""` before the first one')]
    declared: Annotated[str, record("the image as `keep.yaml` has it")] = ""
    requested_at: Annotated[str, record("when the last request was intended", "RFC 3339")] = ""
    answer: Annotated[
        Answer,
        record(
            "Nova's, to the last request: `accepted`, `refused`, `unknown`; `intended` until it is known; "
            '`""` before the first request'
        ),
    ] = ""
    answer_detail: Annotated[str, record("Nova's words")] = ""
    outcome: Annotated[
        Outcome,
        record(
            "of the last request: `over`: its operation ended; `refused`; `unheard`: Nova sent no notification of it; "
            '`dead`: its operation stopped without an end; `""` while it is open'
        ),
    ] = ""
    ended_at: Annotated[str, record('when the last request\'s operation ended; `""` while open', "RFC 3339")] = ""
    attempt: Annotated[int, record("which one the last request was, in a row for hosts that failed; from 1")] = 0
    failures: Annotated[int, record("requests in a row before the last one that Nova never carried out")] = 0
    time: Annotated[str, record("when it changed", "RFC 3339")] = ""

    @property
    def key(self) -> str:
        """The record's key in Kafka."""
        return wanted_key(self.cloud, self.aggregate_uuid, self.image)


def wanted_key(cloud: str, aggregate_uuid: str, image: str) -> str:
    """Return ``CLOUD/AGGREGATE_UUID/IMAGE``."""
    return f"{cloud}/{aggregate_uuid}/{image}"
