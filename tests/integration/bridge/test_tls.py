"""TLS to RabbitMQ, with the options as they stand in nova.conf: the bridge's, and what `precache doctor` says of it."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.integration.bridge.rig import Rig, notifications
from tests.services import rabbitmq
from tests.services.testing import Cloud, Servers, Topics
from tests.support.process import free_port, wait_until


def openssl(folder: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def make_ca(folder: Path, name: str) -> None:
    openssl(
        folder,
        *f"req -x509 -newkey rsa:2048 -nodes -days 2 -keyout {name}.key -out {name}.pem -subj /CN={name}".split(),
    )


def make_certificates(folder: Path) -> None:
    """A CA, a broker's certificate for 127.0.0.1, one for another host, and a client's."""
    make_ca(folder, "ca")
    for name, names in (("broker", "IP:127.0.0.1"), ("other", "DNS:elsewhere.example"), ("client", "DNS:bridge")):
        (folder / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        openssl(folder, *f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}".split())
        signing = f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile {name}.ext"
        openssl(folder, *signing.split(), "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tls")
    make_certificates(made)
    make_ca(made, "stranger")
    return made


@pytest.fixture(scope="module")
def node(folder: Path) -> Iterator[rabbitmq.Node]:
    port = free_port()
    conf = {
        "listeners.ssl.1": f"127.0.0.1:{port}",
        "ssl_options.cacertfile": str(folder / "ca.pem"),
        "ssl_options.certfile": str(folder / "broker.pem"),
        "ssl_options.keyfile": str(folder / "broker.key"),
        "ssl_options.verify": "verify_peer",
        "ssl_options.fail_if_no_peer_cert": "true",
    }
    with rabbitmq.Node(folder / "rabbitmq", conf=conf) as started:
        started.tls_port = port  # type: ignore[attr-defined]
        yield started


@pytest.fixture
def rig(tmp_path: Path, node: rabbitmq.Node, servers: Servers, topics: Topics) -> Rig:
    made = Rig(tmp_path, servers.kafka, Cloud(node.transport_url, topics.prefix, topics.prefix, node.api_url), topics)
    made.make_topics()
    made.declare_as_nova()
    return made


def over_tls(rig: Rig, node: rabbitmq.Node, **options: Any) -> dict[str, Any]:
    port: int = node.tls_port  # type: ignore[attr-defined]
    url = node.transport_url.replace(f":{node.port}/", f":{port}/")
    over = replace(rig, cloud=replace(rig.cloud, transport_url=url))
    return over.config(over.paris(oslo_messaging_rabbit={"ssl": True} | options))


def said_of_rabbitmq(rig: Rig, config: dict[str, Any]) -> dict[str, dict[str, str]]:
    found = rig.doctor(config)
    return {what: found[what] for what in found if what.startswith("paris: ") and what != "paris: notifications"}


def test_messages_come_through_tls_with_a_clients_certificate(rig: Rig, node: rabbitmq.Node, folder: Path) -> None:
    sent = notifications(300)
    certificates = {
        "ssl_ca_file": str(folder / "ca.pem"),
        "ssl_cert_file": str(folder / "client.pem"),
        "ssl_key_file": str(folder / "client.key"),
    }
    config = over_tls(rig, node, **certificates)
    with rig.start(config) as bridge:
        bridge.wait_ready()
        rig.publish([body for _, body in sent])
        rig.wait_forwarded([message_id for message_id, _ in sent])
        rig.wait_empty()
        found = said_of_rabbitmq(rig, config)
        assert {finding["state"] for finding in found.values()} == {"ok"}
        assert found[f"paris: queue {rig.queue}"]["text"] == "0 messages ready, 1 consumers"
        assert bridge.stop() == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ssl_ca_file": "stranger.pem"}, "certificate is not accepted"),
        ({"ssl_ca_file": "missing.pem"}, "No such file"),
        ({}, "TLS"),
    ],
)
def test_what_is_wrong_with_tls_is_said(
    rig: Rig, node: rabbitmq.Node, folder: Path, options: dict[str, str], words: str
) -> None:
    paths = {name: str(folder / value) for name, value in options.items()}
    config = over_tls(rig, node, **paths)
    with rig.start(config) as bridge:
        wait_until(lambda: bridge.events("bridge.source_lost"), "the fault")
        assert words in bridge.events("bridge.source_lost")[0]["why"]
        assert not bridge.ready()[0]
    (finding,) = said_of_rabbitmq(rig, config).values()
    assert finding["state"] == "FAIL"
    assert words in finding["text"]


def test_tls_to_a_plain_port_is_said(rig: Rig) -> None:
    with rig.start(rig.config(rig.paris(oslo_messaging_rabbit={"ssl": True}))) as bridge:
        wait_until(lambda: bridge.events("bridge.source_lost"), "the fault")
        assert "TLS" in bridge.events("bridge.source_lost")[0]["why"]
