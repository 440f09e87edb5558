"""A guarded Kafka: refused credentials and rights are logged and fixed without a restart; and TLS."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.integration.bridge.rig import Rig, notifications
from tests.services import kafka
from tests.services.testing import Cloud, Topics
from tests.support.process import Precache, wait_until

TLS = Path(__file__).parents[2] / "data" / "tls"
USER = "bridge"
PASSWORD = "hush-hush"
DOOR = "GUARDED"
PROPERTIES = {
    "listener.name.guarded.sasl.enabled.mechanisms": "SCRAM-SHA-256",
    "listener.name.guarded.scram-sha-256.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
    "listener.name.tls.ssl.keystore.type": "PEM",
    "listener.name.tls.ssl.keystore.location": str(TLS / "localhost.pem"),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    # Until the first rights are given, to the tests themselves: from then on nobody else has any.
    "allow.everyone.if.no.acl.found": "true",
}
EVERYTHING = (
    (ResourceType.BROKER, "kafka-cluster"),
    (ResourceType.TOPIC, "*"),
    (ResourceType.GROUP, "*"),
    (ResourceType.TRANSACTIONAL_ID, "*"),
)


def right(user: str, kind: ResourceType, name: str, operation: AclOperation) -> AclBinding:
    return AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def rights(*names: str) -> list[AclBinding]:
    """What docs/operations.md says that a bridge needs."""
    operations = (AclOperation.WRITE, AclOperation.DESCRIBE)
    return [right(USER, ResourceType.TOPIC, name, operation) for name in names for operation in operations]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Node]:
    doors = {DOOR: "SASL_PLAINTEXT", "TLS": "SSL"}
    with kafka.Node(tmp_path_factory.mktemp("kafka"), properties=PROPERTIES, doors=doors) as started:
        own = [right("ANONYMOUS", kind, name, AclOperation.ALL) for kind, name in EVERYTHING]
        give(started, own)
        make_it_number_producers(started)
        yield started


def make_it_number_producers(node: kafka.Node) -> None:
    """Have the broker number a producer: until it has done so once, it puts off all others, whatever their rights."""
    name = "any"
    ask(node, lambda admin: admin.create_topics([NewTopic(name, 1, 1)]))
    producer = Producer({"bootstrap.servers": node.bootstrap_servers, "enable.idempotence": True})
    producer.produce(name, b"")
    assert producer.flush(30) == 0


def ask(node: kafka.Node, what: Callable[[AdminClient], dict[Any, Any]]) -> None:
    admin = AdminClient({"bootstrap.servers": node.bootstrap_servers})
    for future in what(admin).values():
        future.result(30)


def give(node: kafka.Node, wanted: list[AclBinding]) -> None:
    ask(node, lambda admin: admin.create_acls(wanted))


def take_away(node: kafka.Node, given: list[AclBinding]) -> None:
    filters = [
        AclBindingFilter(
            one.restype, one.name, one.resource_pattern_type, one.principal, "*", one.operation, one.permission_type
        )
        for one in given
    ]
    ask(node, lambda admin: admin.delete_acls(filters))


def set_password(node: kafka.Node, password: str) -> None:
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_256, 4096)
    wanted = UserScramCredentialUpsertion(USER, credential, password.encode())
    ask(node, lambda admin: admin.alter_user_scram_credentials([wanted]))


def config(rig: Rig, node: kafka.Node) -> dict[str, Any]:
    login = {
        "bootstrap.servers": node.door(DOOR),
        "security.protocol": "sasl_plaintext",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": USER,
        "sasl.password": PASSWORD,
    }
    return rig.config(rig.paris(hold="1s"), kafka=login)


def wait_not_ready(bridge: Precache, *words: str) -> None:
    def says() -> bool:
        is_ready, why = bridge.ready()
        return not is_ready and all(word in why for word in words)

    try:
        wait_until(says, f"/readyz to say {words}")
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {bridge.ready()}") from None


def actionable(bridge: Precache, event: str, word: str) -> list[dict[str, Any]]:
    return [found for found in bridge.events(event) if found["level"] == "error" and word in str(found)]


def test_refused_credentials_and_rights_are_reported_and_fixed(tmp_path: Path, node: kafka.Node, cloud: Cloud) -> None:
    rig = Rig(tmp_path, node.bootstrap_servers, cloud, Topics(f"test-{uuid.uuid4().hex[:12]}"))
    rig.make_topics()
    rig.declare_as_nova()
    sent = notifications(30)
    own = rights(rig.topics.notifications, rig.topics.deadletters)
    set_password(node, "another")
    with rig.start(config(rig, node)) as bridge:
        rig.publish([body for _, body in sent[:10]])
        wait_not_ready(bridge, "_AUTHENTICATION", "sasl.password")
        assert actionable(bridge, "kafka.refused", "sasl.password")
        assert actionable(bridge, "bridge.kafka_probe_failed", "sasl.password")

        set_password(node, PASSWORD)
        wait_not_ready(bridge, "TOPIC_AUTHORIZATION_FAILED", "kafka-acls.sh")
        assert actionable(bridge, "bridge.kafka_probe_failed", "TOPIC_AUTHORIZATION_FAILED")

        # With a topic to be seen and none to write to, the producer itself is refused: librdkafka calls that fatal.
        give(node, [each for each in own if each.operation == AclOperation.DESCRIBE])
        wait_not_ready(bridge, "CLUSTER_AUTHORIZATION_FAILED", "kafka-acls.sh")
        assert actionable(bridge, "bridge.kafka_probe_failed", "CLUSTER_AUTHORIZATION_FAILED")
        assert rig.depth() == 10, "nothing is taken while Kafka is not probed"

        give(node, own)
        bridge.wait_ready()
        rig.wait_forwarded([message_id for message_id, _ in sent[:10]])
        take_away(node, own)
        rig.publish([body for _, body in sent[10:20]])
        # Of the topic, or of the cluster where a new producer has no topic to write to.
        wait_not_ready(bridge, "AUTHORIZATION_FAILED", "kafka-acls.sh")
        assert actionable(bridge, "bridge.kafka_refuses", "kafka-acls.sh")

        give(node, own)
        rig.publish([body for _, body in sent[20:]])
        rig.wait_forwarded([message_id for message_id, _ in sent])
        bridge.wait_ready()
        rig.wait_empty()
        assert rig.dead() == []
        assert not bridge.events("bridge.failed")
        found = rig.doctor(config(rig, node))
        assert found[f"Kafka {node.door(DOOR)}"]["state"] == "ok"
        for name in (rig.topics.notifications, rig.topics.deadletters):
            assert found[f"topic {name}"]["state"] == "WARN"
            assert "DescribeConfigs" in found[f"topic {name}"]["text"]
        assert not [finding for finding in found.values() if finding["state"] == "FAIL"]
        assert PASSWORD not in bridge.stderr
        assert bridge.stop() == 0


def test_all_goes_over_tls(tmp_path: Path, node: kafka.Node, cloud: Cloud) -> None:
    rig = Rig(tmp_path, node.bootstrap_servers, cloud, Topics(f"test-{uuid.uuid4().hex[:12]}"))
    rig.make_topics()
    rig.declare_as_nova()
    sent, what = notifications(20), f"Kafka {node.door('TLS')}"
    over_tls = {"bootstrap.servers": node.door("TLS"), "security.protocol": "ssl"}
    config = rig.config(rig.paris(), kafka=over_tls | {"ssl.ca.location": str(TLS / "localhost.crt")})
    with rig.start(config) as bridge:
        rig.publish([body for _, body in sent])
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()
        assert rig.doctor(config)[what]["state"] == "ok"
        assert bridge.stop() == 0

    # Without the CA's certificate the broker is a stranger.
    found = rig.doctor(rig.config(rig.paris(), kafka=over_tls))[what]
    assert found["state"] == "FAIL"
    assert "certificate verify failed" in found["text"]
    assert "ssl.ca.location" in found["text"]
