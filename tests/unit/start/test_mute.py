"""Why nothing began, as far as Kafka tells."""

import pytest

from console.start.mute import KafkaTrace, explain, received_in

GID = "req-11111111-2222-4333-8444-555555555555"
NOW_MS = 1_000_000


class Message:
    def __init__(self, kind: str, key: str, value: bytes, at_ms: int) -> None:
        self._told = (kind, key, value, at_ms)

    def headers(self) -> list[tuple[str, bytes]]:
        return [("ce_type", self._told[0].encode())]

    def key(self) -> bytes:
        return self._told[1].encode()

    def value(self) -> bytes:
        return self._told[2]

    def timestamp(self) -> tuple[int, int]:
        return 1, self._told[3]


def heartbeat(cloud: str, at_ms: int) -> Message:
    return Message("io.precache.bridge.v1", cloud, b"{}", at_ms)


def start(gid: str) -> Message:
    kind = "org.openstack.nova.aggregate.cache_images.start"
    return Message(kind, "paris/uuid", f'{{"context": {{"global_request_id": "{gid}"}}}}'.encode(), NOW_MS)


@pytest.mark.parametrize(
    ("messages", "heard"),
    [
        ([], KafkaTrace()),
        ([heartbeat("rome", NOW_MS)], KafkaTrace()),
        ([heartbeat("paris", NOW_MS - 60_000), heartbeat("paris", NOW_MS - 90_000)], KafkaTrace(heartbeat_age_s=60.0)),
        ([start("req-another")], KafkaTrace()),
        ([start(GID), heartbeat("paris", NOW_MS)], KafkaTrace(start=True, heartbeat_age_s=0.0)),
    ],
)
def test_hear(messages: list[Message], heard: KafkaTrace) -> None:
    assert received_in(messages, "paris", GID, NOW_MS) == heard  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("heard", "accepted", "text"),
    [
        (None, True, "precache doctor"),
        (KafkaTrace(start=True), True, "the processor is behind"),
        (KafkaTrace(), True, "no heartbeat of a bridge for cloud paris"),
        (KafkaTrace(heartbeat_age_s=300.0), False, "no heartbeat of a bridge for cloud paris for 5m00s"),
        (KafkaTrace(heartbeat_age_s=30.0), True, "notification_format = versioned"),
        (KafkaTrace(heartbeat_age_s=30.0), False, "most likely Nova does not have it"),
    ],
)
def test_explain(heard: KafkaTrace | None, text: str, *, accepted: bool) -> None:
    assert text in explain(heard, accepted=accepted, cloud="paris")
