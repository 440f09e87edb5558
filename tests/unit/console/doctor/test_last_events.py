"""What doctor says of a cloud by its records in `nova.notifications`, read from the newest backwards."""

import orjson
import pytest

from console.doctor.last_events import MUTE_S, CloudEvents, finding

NOW = 1_900_000_000_000
MINUTE = 60_000


def heartbeats(cloud: CloudEvents, *received: int, instance: str = "one") -> CloudEvents:
    """Take heartbeats, the newest first, a minute between them."""
    for age, count in enumerate(received):
        value = orjson.dumps({"instance": instance, "counts": {"received": count}})
        cloud.heartbeat(value, NOW - age * MINUTE)
    return cloud


@pytest.mark.parametrize(
    ("received", "minutes"),
    [([7, 7, 7, 5, 5], 2), ([7, 6], 0), ([3, 9], 0), ([0, 9, 9, 8], 2), ([7, 7, 7], None), ([0, 0], None), ([7], None)],
)
def test_the_last_message_by_the_counts(received: list[int], minutes: int | None) -> None:
    found = heartbeats(CloudEvents(), *received).message_ms
    assert found == (None if minutes is None else NOW - minutes * MINUTE)


def test_counts_are_the_instances_own() -> None:
    cloud = heartbeats(CloudEvents(), 5)
    assert heartbeats(cloud, 3, instance="two").message_ms is None


def test_a_record_that_is_none_of_ours_does_no_harm() -> None:
    cloud = CloudEvents()
    for value in (None, b"", b"[]", b'{"counts": 1}', b'{"instance": "one", "counts": {"received": "x"}}'):
        cloud.heartbeat(value, NOW)
    assert (cloud.heartbeat_ms, cloud.message_ms) == (NOW, None)


def test_no_bridge() -> None:
    found = finding("paris", CloudEvents(), NOW)
    assert (found.state, found.text) == ("WARN", "no heartbeat of a bridge is in Kafka")


def test_a_bridge_that_has_ended() -> None:
    found = finding("paris", heartbeats(CloudEvents(), 5, 4), NOW + 10 * MINUTE)
    assert (found.state, found.what) == ("WARN", "paris: notifications")
    assert found.text.startswith("the bridge's last heartbeat: 10m00s ago; ")


def test_nova_is_mute() -> None:
    cloud = heartbeats(CloudEvents(), 5, 5)
    cloud.notification(NOW - 3 * 86_400_000)
    found = finding("paris", cloud, NOW, "precache")
    assert found.state == "WARN"
    assert found.text == (
        "last notification of image caching: 72h00m ago; last message of the queue: none that Kafka still has"
    )
    for words in ("notification_format = versioned", "versioned_notifications_topics contains precache", "messagingv2"):
        assert words in found.remedy


@pytest.mark.parametrize("missed", ["notification", "message"])
def test_nova_is_heard(missed: str) -> None:
    cloud = heartbeats(CloudEvents(), 5, 4 if missed == "message" else 5)
    if missed == "notification":
        cloud.notification(NOW - int(MUTE_S * 1_000) + 1)
    assert finding("paris", cloud, NOW).state == "ok"
