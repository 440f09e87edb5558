"""`precache watch` and a Kafka that goes away, comes back, or refuses: on a broker of the test's own."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.cimpl import NewTopic

from console.start.outcome import START_WITHIN_S
from tests.integration.console.derived import Derived, make_topics
from tests.services.kafka import Node
from tests.services.testing import Topics
from tests.support.openstack import AGGREGATE, FakeOpenStack
from tests.support.process import Precache, free_port
from tests.support.watched import completed, operation, progress

TOPICS = Topics("test")
# Everybody is allowed everything that no rule is about.
AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "super.users": "User:nobody",
}

LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
CREDENTIALS = {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "admin"}

pytestmark = pytest.mark.timeout(300)


class TwoDoors(Node):
    """A broker with a second port, where nobody is answered who does not say who they are."""

    guarded_port = free_port()

    @property
    def guarded(self) -> str:
        return f"127.0.0.1:{self.guarded_port}"

    def _server_properties(self) -> dict[str, str]:
        one = super()._server_properties()
        return one | {
            "listeners": f"{one['listeners']},GUARDED://{self.guarded}",
            "advertised.listeners": f"{one['advertised.listeners']},GUARDED://{self.guarded}",
            "listener.security.protocol.map": f"{one['listener.security.protocol.map']},GUARDED:SASL_PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config": f'{LOGIN} user_admin="hush";',
        }


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoDoors]:
    with TwoDoors(tmp_path_factory.mktemp("kafka"), properties=AUTHORIZER) as started:
        make_topics(started.bootstrap_servers, TOPICS)
        yield started


@pytest.fixture
def watch(node: Node, tmp_path: Path) -> Iterator[Precache]:
    file = tmp_path / "watch.yaml"
    # By default a topic that is gone is waited for half a minute.
    kafka = {"bootstrap.servers": node.bootstrap_servers, "topic.metadata.propagation.max.ms": 5_000}
    content = {"kafka": kafka, "topics": TOPICS.config()}
    file.write_text(yaml.safe_dump(content))
    with Precache(["watch", "--config", str(file)], tmp_path, name="watch") as process:
        yield process


def test_an_outage_is_reported_and_nothing_is_missed(node: Node, watch: Precache) -> None:
    watch.wait_text("watching ")
    with Derived(node.bootstrap_servers, TOPICS) as derived:
        derived.each([operation(1, "running"), progress(1)])
        watch.wait_text("host 1: 33%")
        node.kill()
        watch.wait_text("cannot be reached; trying again", 60)
        assert watch.process.poll() is None
        node.start()
        watch.wait_text("Kafka answers again", 60)
    with Derived(node.bootstrap_servers, TOPICS) as derived:
        derived.each([progress(2), progress(3), completed()])
        assert watch.wait_end(60) == 0
    assert watch.stdout.splitlines()[-3:] == [
        "Aggregate 'foo' host 2: 67% complete (0 errors)",
        "Aggregate 'foo' host 3: 100% complete (0 errors)",
        "Completed 3 hosts, 0 errors in 3s",
    ]


def test_a_topic_that_was_removed(node: Node, watch: Precache) -> None:
    watch.wait_text("watching ")
    admin = AdminClient({"bootstrap.servers": node.bootstrap_servers})
    for future in admin.delete_topics([TOPICS.operations]).values():
        future.result(timeout=30)
    try:
        assert watch.wait_end(150) == 6
        assert "precache topics create" in watch.stderr
    finally:
        for future in admin.create_topics([NewTopic(TOPICS.operations, 2, 1)]).values():
            future.result(timeout=30)


def test_a_user_that_may_not_read(node: Node, watch: Precache) -> None:
    admin = AdminClient({"bootstrap.servers": node.bootstrap_servers})
    denied = AclBinding(
        ResourceType.TOPIC,
        TOPICS.progress,
        ResourcePatternType.LITERAL,
        "User:ANONYMOUS",
        "*",
        AclOperation.ALL,
        AclPermissionType.DENY,
    )
    for future in admin.create_acls([denied]).values():
        future.result(timeout=30)
    assert watch.wait_end(60) == 6
    assert TOPICS.progress in watch.stderr
    assert "TOPIC_AUTHORIZATION_FAILED" in watch.stderr or "kafka-acls.sh" in watch.stderr


def test_a_wrong_password(node: TwoDoors, tmp_path: Path) -> None:
    # The right one opens the door: what follows is reported of the password, not of the port.
    right = {"bootstrap.servers": node.guarded} | CREDENTIALS | {"sasl.password": "hush"}
    assert AdminClient({**right}).list_topics(timeout=20).brokers
    file = tmp_path / "watch.yaml"
    file.write_text(yaml.safe_dump({"kafka": right | {"sasl.password": "mistaken"}}))
    with Precache(["watch", "--config", str(file)], tmp_path, name="watch") as process:
        assert process.wait_end(60) == 6
        assert "sasl.password" in process.stderr
        assert "mistaken" not in process.stderr


@pytest.mark.more
def test_a_start_waits_out_an_outage_that_is_longer_than_start_may_take(node: Node, tmp_path: Path) -> None:
    """The silence of a Kafka that is away says nothing of Nova: no exit code 5."""
    kafka = {"kafka": {"bootstrap.servers": node.bootstrap_servers}, "topics": TOPICS.config()}
    (tmp_path / "precache.yaml").write_text(yaml.safe_dump(kafka | {"operators": {"clouds": []}}))
    with FakeOpenStack() as nova:
        nova.on_ask = lambda _: "req-1"
        env = {"OS_CLIENT_CONFIG_FILE": str(nova.clouds_yaml(tmp_path, "paris")), "OS_CLOUD": "paris"}
        args = ["start", "foo", "ubuntu", "--cloud", "paris"]
        with Precache(args, tmp_path, name="start", env=env) as process:
            process.wait_text(f"paris/{AGGREGATE}/req-1", 60)
            node.kill()
            process.wait_text("cannot be reached; trying again", 60)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait_end(START_WITHIN_S + 10)
            node.start()
            process.wait_text("Kafka answers again", 60)
            [asked] = nova.asked
            facts: dict[str, Any] = {
                "operation": f"paris/{AGGREGATE}/req-1",
                "global_request_id": asked.global_request_id,
            }
            with Derived(node.bootstrap_servers, TOPICS) as derived:
                derived.each([operation(1, "running", total=0, **facts), completed(0, **facts)])
                assert process.wait_end(60) == 0, process.stderr
    assert len(nova.asked) == 1
