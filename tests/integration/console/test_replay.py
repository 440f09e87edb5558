"""`precache deadletters replay` on a real Kafka: what comes back, what does not, and that nothing comes back twice."""

import copy
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from confluent_kafka import Producer
from pika import BasicProperties

from bridge.decode.message import Decoder, Forward, Route
from bridge.decode.poison import Poison
from bridge.delivery.dead_letters import Letters
from bridge.source.amqp import properties
from bridge.source.api import Delivery
from console.cli.configs import load_kafka
from console.deadletters import sending
from console.deadletters.find import DeadLetterPlace, several
from console.deadletters.replay import Judge
from precache.contract.deadletters import DeadLetter
from precache.contract.topics import DEADLETTER_TYPE, REPLAY_TYPE
from tests.integration.console.derived import make_topics
from tests.services.testing import Servers, Topics
from tests.support.kafka import header, read_all
from tests.support.poisons import data, envelope, progress
from tests.support.process import Precache


class Dead:
    """Dead letters on one partition, in the order in which they are made."""

    def __init__(self, servers: Servers, topics: Topics, folder: Path) -> None:
        self.kafka, self.topics, self.folder = servers.kafka, topics, folder
        make_topics(servers.kafka, topics)
        self.config = folder / "bridge.yaml"
        clouds = [{"name": "paris", "transport_url": "${UNSET}", "events": ["aggregate.cache_images.*"]}]
        kafka = {"bootstrap.servers": servers.kafka}
        self.config.write_text(yaml.safe_dump({"kafka": kafka, "topics": topics.config(), "clouds": clouds}))
        self._producer = Producer({"bootstrap.servers": servers.kafka})
        self._count = 0

    def bury(self, body: bytes, reason: str = "internal-error", topics: Sequence[str] = (), **amqp: Any) -> str:
        """Have the bridge make a dead letter of a message, which topics refused; return its place."""
        raw = b"".join(BasicProperties(content_type="application/json", **amqp).encode())
        letters = Letters(self.topics.deadletters, "paris", "precache.info", properties.decode)
        record = letters.letter(Delivery(1, body, raw), Poison(reason, "why", topics))
        return self.add(record.key, record.value, record.headers)

    def add(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> str:
        self._producer.produce(self.topics.deadletters, value, key, 1, headers=[*headers])
        assert self._producer.flush(30) == 0
        self._count += 1
        return f"1/{self._count - 1}"

    def run(self, *args: str, name: str = "replay") -> tuple[int, str, str]:
        args = ("deadletters", *args, "--config", str(self.config))
        with Precache(args, self.folder, name=name) as process:
            return process.wait_end(60), process.stdout, process.stderr

    def replay(self, *args: str) -> tuple[int, dict[str, tuple[str, str]]]:
        code, out, err = self.run("replay", *args, "--json")
        found = [json.loads(line) for line in out.splitlines()]
        assert found or code in {0, 2}, err
        return code, {each["place"]: (each["result"], each["message_id"] or each["why"]) for each in found}

    def sent(self) -> Counter[str]:
        return Counter(header(record, "ce_id") for record in read_all(self.kafka, self.topics.notifications))


@pytest.fixture
def dead(servers: Servers, topics: Topics, tmp_path: Path) -> Dead:
    return Dead(servers, topics, tmp_path)


def message(message_id: str, **more: Any) -> dict[str, Any]:
    return copy.deepcopy(progress()) | {"message_id": message_id} | more


def test_what_comes_back_is_what_the_bridge_would_have_sent(dead: Dead) -> None:
    body = envelope(message("m-1", _context_auth_token="gAAAAABhunter2hunter2hunter2hunter2"))
    place = dead.bury(body)
    assert dead.replay(place, "--dry-run") == (0, {place: ("would-replay", "m-1")})
    assert dead.sent() == {}
    assert dead.replay(place) == (0, {place: ("replayed", "m-1")})
    (record,) = read_all(dead.kafka, dead.topics.notifications)
    expected = Decoder("paris", [Route("x", ("*",))]).decode(body)
    assert isinstance(expected, Forward)
    assert (record.key(), record.value(), record.headers()) == (expected.key, expected.value, expected.headers)


def test_nothing_is_replayed_twice_unless_forced_and_the_list_tells(dead: Dead) -> None:
    places = [dead.bury(envelope(message(f"m-{number}"))) for number in range(3)]
    code, outcomes = dead.replay(places[1])
    assert (code, outcomes[places[1]]) == (0, ("replayed", "m-1"))
    assert dead.replay("--reason", "internal-error", "--since", "1h")[1].keys() == {places[0], places[2]}
    assert dead.replay("--reason", "internal-error") == (0, {})
    code, outcomes = dead.replay(*places)
    assert (code, {result for result, _ in outcomes.values()}) == (0, {"already-replayed"})
    assert dead.sent() == {"m-0": 1, "m-1": 1, "m-2": 1}
    kinds = Counter(header(record, "ce_type") for record in read_all(dead.kafka, dead.topics.deadletters))
    assert kinds == {DEADLETTER_TYPE: 3, REPLAY_TYPE: 3}
    _, out, _ = dead.run("list", "--json")
    told = [json.loads(line) for line in out.splitlines()]
    assert [f"{each['partition']}/{each['offset']}" for each in told] == places, "a replay is no dead letter"
    assert all(each["replayed"] for each in told)
    assert dead.replay(places[0], "--force")[1] == {places[0]: ("replayed", "m-0")}
    assert dead.sent()["m-0"] == 2


def test_what_does_not_come_back_and_why(dead: Dead) -> None:
    masked = message("m-masked")
    data(masked)["admin_pass"] = "hunter2"
    other = message("m-other", event_type="instance.update")
    late = DeadLetter("late", "closed", "paris", "nova.notifications/3/17", "2026-11-22T06:00:01.000000Z", b"{}", {})
    unknown = DeadLetter("of-the-future", "?", "paris", "precache.info", "2026-11-22T06:00:01.000000Z", b"{}", {})
    expected = {
        dead.bury(envelope(masked)): "credentials were masked",
        dead.bury(envelope(message("m-long", _context_x="x" * 300_000)), "too-large"): "its body is cut: 262112 of",
        dead.bury(envelope(other)): "event type is not one",
        dead.bury(b"not json", "not-json"): "can't read it either: not-json",
        dead.bury(envelope(message("m-type")), "content-type", content_encoding="ebcdic"): "content-encoding",
        dead.add(late.key(), late.value(), late.headers()): "late again",
        dead.add(unknown.key(), unknown.value(), unknown.headers()): "does not know the reason 'of-the-future'",
        "1/99": "nothing is at that place",
        "9/0": "nothing is at that place",
    }
    good = dead.bury(envelope(message("m-good")), "refused-by-kafka")
    code, outcomes = dead.replay(*expected, good)
    assert code == 3
    assert outcomes.pop(good) == ("replayed", "m-good")
    assert outcomes.keys() == expected.keys()
    for place, why in expected.items():
        assert outcomes[place][0] == "not-replayed"
        assert why in outcomes[place][1]
    assert dead.sent() == {"m-good": 1}


def test_what_only_a_topic_of_forward_refused_is_not_sent_again(dead: Dead) -> None:
    both = ("nova.all", dead.topics.notifications)
    elsewhere = dead.bury(envelope(message("m-1")), "refused-by-kafka", ["nova.all"])
    here = dead.bury(envelope(message("m-2")), "too-large", both)
    code, outcomes = dead.replay(elsewhere, here)
    assert code == 3
    assert outcomes[here] == ("replayed", "m-2")
    assert outcomes[elsewhere][0] == "not-replayed"
    assert "nova.all refused it" in outcomes[elsewhere][1]
    assert dead.sent() == {"m-2": 1}


def test_what_the_processor_refused_and_a_newer_version_reads(dead: Dead) -> None:
    forward = Decoder("paris", [Route("x", ("*",))]).decode(envelope(message("m-1")))
    assert isinstance(forward, Forward)
    letter = DeadLetter(
        "undecodable",
        "?",
        "paris",
        f"{dead.topics.notifications}/0/0",
        "2026-11-22T06:00:00.000000Z",
        forward.value,
        {"key": forward.key.decode()},
    )
    place = dead.add(letter.key(), letter.value(), letter.headers())
    broken = orjson.dumps(orjson.loads(forward.value) | {"context": {}})
    without = DeadLetter("no-request-id", "?", "paris", letter.origin, letter.received_at, broken, letter.properties)
    refused = dead.add(without.key(), without.value(), without.headers())
    strange = dead.add(letter.key(), letter.value(), replace(letter, properties={"key": "paris/another"}).headers())
    code, outcomes = dead.replay(place, refused, strange)
    assert code == 3
    assert "no-request-id" in outcomes[refused][1]
    assert "the record's key is" in outcomes[strange][1], "the processor would refuse it again"
    (record,) = read_all(dead.kafka, dead.topics.notifications)
    assert (record.key(), record.value(), record.headers()) == (forward.key, forward.value, forward.headers)


def test_killed_before_it_is_noted_it_is_sent_again_with_the_same_id(
    dead: Dead, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = dead.bury(envelope(message("m-1")))
    settings = load_kafka(dead.config)
    ((letter, body),) = several(settings, [DeadLetterPlace(0, 1, 0)], print)
    sender = sending.Sender(settings)

    def killed(*_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(sending.Sender, "_note", killed)
    with pytest.raises(SystemExit):
        sender.send([(letter, Judge({}, settings.topics.notifications).replay(letter, body))])
    assert dead.sent() == {"m-1": 1}
    assert dead.replay("--reason", "internal-error") == (0, {place: ("replayed", "m-1")})
    assert dead.sent() == {"m-1": 2}


def test_a_record_that_kafka_refuses_again_holds_up_no_other(dead: Dead) -> None:
    huge = message("m-huge")
    data(huge)["name"] = "x" * 200_000
    places = [dead.bury(envelope(huge), "too-large"), dead.bury(envelope(message("m-1")))]
    text = yaml.safe_load(dead.config.read_text())
    text["kafka"]["message.max.bytes"] = 100_000
    dead.config.write_text(yaml.safe_dump(text))
    code, outcomes = dead.replay(*places)
    assert code == 3
    assert outcomes[places[0]][0] == "not-replayed"
    assert "Kafka refuses it again" in outcomes[places[0]][1]
    assert outcomes[places[1]] == ("replayed", "m-1")


def test_wrong_usage_and_no_kafka(dead: Dead) -> None:
    assert dead.run("replay")[0] == 2
    assert dead.run("replay", "1/0", "--reason", "late")[0] == 2
    assert dead.run("replay", "nowhere")[0] == 2
    text = yaml.safe_load(dead.config.read_text())
    text["kafka"]["bootstrap.servers"] = "127.0.0.1:1"
    dead.config.write_text(yaml.safe_dump(text))
    code, out, err = dead.run("replay", "--reason", "late")
    assert (code, out) == (1, "")
    assert "cannot be reached" in err
