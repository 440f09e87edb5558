"""Kafka in KRaft mode, one process that is broker and controller, from its Maven artifacts."""

from __future__ import annotations

import base64
import shutil
import struct
from typing import TYPE_CHECKING, ClassVar, Final

from .build import made_once, require, run
from .network import HOST, exchange, free_ports
from .node import Node as BaseNode
from .process import own_environment
from .state import cache_dir, emit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION: Final = "4.1.0"

_POM: Final = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>precache.tests</groupId><artifactId>kafka</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <!-- Without it the server logs nothing, not even why it does not start. -->
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
"""

_LOG4J: Final = """\
rootLogger.level = INFO
rootLogger.appenderRef.stdout.ref = STDOUT
appender.stdout.type = Console
appender.stdout.name = STDOUT
appender.stdout.layout.type = PatternLayout
appender.stdout.layout.pattern = [%d] %p %m (%c{1})%n
"""

# What the tool that lays out a data folder wants to know of the node.
_ROLES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@localhost:9093
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
"""

# A metadata request: length, api 3, version 0, correlation id 1, no client id, no topic named, which here means all.
METADATA_REQUEST: Final = struct.pack(">ihhihi", 14, 3, 0, 1, -1, 0)


# A killed broker is not admitted again before its old session has ended. That is worth having short where a test kills
# brokers, and worth its nine seconds where a loaded machine must not be mistaken for a dead one.
_QUICK_RETURN: Final = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}

# A broker of one test's ends before optimizing its code has paid: leaving that out saves four of eleven seconds of CPU.
_SHORT_LIVED: Final = ("-XX:TieredStopAtLevel=1",)


def _listed(addresses: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in addresses.items())


class Node(BaseNode):
    """A Kafka cluster of one node.

    `properties` adds to server.properties and wins over what stands there; it may be changed while the node is stopped.
    `doors` are further listeners, by name, each with its security protocol and a port of its own; `advertised` is what
    clients are reported of a door instead of its own address.
    """

    name: ClassVar[str] = "kafka"

    def __init__(
        self,
        base: Path,
        *,
        properties: Mapping[str, str] | None = None,
        doors: Mapping[str, str] | None = None,
        advertised: Mapping[str, str] | None = None,
        tied: bool = True,
    ) -> None:
        super().__init__(base, tied=tied)
        self.properties: dict[str, str] = dict(properties or {})
        self._doors: dict[str, str] = dict(doors or {})
        self._advertised: dict[str, str] = dict(advertised or {})

    @property
    def bootstrap_servers(self) -> str:
        """The address as Kafka's clients take it."""
        return f"{HOST}:{self._settings['port']}"

    def door(self, name: str) -> str:
        """The address of one of its doors, as Kafka's clients take it."""
        return f"{HOST}:{self._settings[f'port of {name}']}"

    @classmethod
    def libraries(cls) -> Path:
        """Return the folder of the jars."""
        return cache_dir() / f"kafka-{VERSION}" / "libs"

    @classmethod
    def _formatted(cls) -> Path:
        return cache_dir() / f"kafka-{VERSION}-formatted" / "data"

    @classmethod
    def install(cls) -> None:
        """Fetch the jars by Maven, and have Kafka lay out an empty data folder, of which each node takes a copy."""
        if not cls.libraries().exists():
            cls._fetch()
        if not cls._formatted().exists():
            cls._format()

    @classmethod
    def _fetch(cls) -> None:
        with made_once(f"kafka-{VERSION}") as folder:
            if folder is None:
                return
            require(cls.name, "java", "mvn")
            emit(cls.name, f"fetching Kafka {VERSION} by Maven (about 20 seconds)")
            (folder / "pom.xml").write_text(_POM)
            goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
            argv = ["mvn", "--batch-mode", "--no-transfer-progress", goal, "-DoutputDirectory=libs"]
            run(argv, cwd=folder, log=cache_dir() / "install-kafka.log")

    @classmethod
    def _format(cls) -> None:
        # For every node anew it would cost a third of the start. So all the tests' clusters have one id.
        with made_once(cls._formatted().parent.name) as folder:
            if folder is None:
                return
            properties = folder / "server.properties"
            properties.write_text(f"{_ROLES}log.dirs={folder / 'data'}\n")
            cluster_id = base64.urlsafe_b64encode(b"precache's tests").decode().rstrip("=")
            tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties)]
            run(["java", "-cp", f"{cls.libraries()}/*", *tool], cwd=folder, log=cache_dir() / "install-kafka.log")

    def exports(self) -> dict[str, str]:
        """Return the address."""
        return {"PRECACHE_TEST_KAFKA": self.bootstrap_servers}

    def answers(self) -> bool:
        """Whether its metadata names a broker: the port is open before the broker is admitted to its own cluster."""
        answer = exchange(int(self._settings["port"]), METADATA_REQUEST)
        return len(answer) >= 12 and struct.unpack_from(">iii", answer)[2] > 0

    def _choose_settings(self) -> dict[str, str]:
        port, controller_port, *others = map(str, free_ports(2 + len(self._doors)))
        doors = {f"port of {name}": other for name, other in zip(self._doors, others, strict=True)}
        return self._settings | {"port": port, "controller_port": controller_port} | doors

    def _ports(self) -> list[int]:
        names = ("port", "controller_port", *(f"port of {name}" for name in self._doors))
        return [int(self._settings[name]) for name in names]

    def _server_properties(self) -> dict[str, str]:
        port, controller_port = self._settings["port"], self._settings["controller_port"]
        own = {"PLAINTEXT": f"{HOST}:{port}"} | {name: self.door(name) for name in self._doors}
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | self._doors
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{HOST}:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": _listed(own | {"CONTROLLER": f"{HOST}:{controller_port}"}),
            "advertised.listeners": _listed(own | self._advertised),
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "log.dirs": str(self.data),
            # A topic misspelt in a test has to fail, not to appear.
            "auto.create.topics.enable": "false",
            # One broker can't keep the three copies that are the default of the internal topics.
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # Fifty partitions each by default: their folders are what the first consumer would wait for.
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.num.partitions": "8",
            # Consumers join at once, where a first group would else wait three seconds for more members.
            "group.initial.rebalance.delay.ms": "0",
        } | (_QUICK_RETURN if self._tied else {})

    def _prepare(self) -> None:
        properties = self._server_properties() | self.properties
        self._properties_file.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        (self.base / "log4j2.properties").write_text(_LOG4J)
        if not self.data.exists():
            self._lay_out()

    def _lay_out(self) -> None:
        shutil.copytree(self._formatted(), self.data)

    @property
    def _properties_file(self) -> Path:
        return self.base / "server.properties"

    def _java(self) -> list[str]:
        # A small heap: three servers and the tests share the machine.
        heap = ("-Xms128m", "-Xmx1g", "-XX:+ExitOnOutOfMemoryError")
        logging = f"-Dlog4j2.configurationFile={self.base / 'log4j2.properties'}"
        return ["java", *heap, *self._machine_options(), logging, "-cp", f"{self.libraries()}/*"]

    def _machine_options(self) -> tuple[str, ...]:
        """Return how Java goes about compiling and collecting."""
        return ("-XX:+UseSerialGC", *(_SHORT_LIVED if self._tied else ()))

    def _launch(self) -> None:
        self._spawn("server", [*self._java(), "kafka.Kafka", str(self._properties_file)], own_environment())
