"""Which checks a configuration asks for."""

from typing import TYPE_CHECKING, Final

from console.cli.configs import KafkaSettings
from console.doctor import group, kafka, nova
from console.doctor.findings import Check
from precache.contract.topics import Role

if TYPE_CHECKING:
    from bridge.config import BridgeConfig
    from processor.config import ProcessorConfig

_BRIDGE_ROLES: Final[tuple[Role, ...]] = ("notifications", "deadletters")
_PROCESSOR_ROLES: Final[tuple[Role, ...]] = ("notifications", "progress", "operations", "deadletters")


def bridge_checks(config: "BridgeConfig", config_file: str) -> list[Check]:
    """Return the checks for a bridge: each cloud's RabbitMQ, and Kafka."""
    from console.doctor import rabbit

    forward = dict.fromkeys(topic for cloud in config.clouds for topic in cloud.forward)
    return [
        *(rabbit.check(cloud) for cloud in config.clouds),
        kafka.check(config.kafka, config.topics, _BRIDGE_ROLES, config_file, tuple(forward)),
        nova.check(
            KafkaSettings(kafka=config.kafka, topics=config.topics),
            {cloud.name: cloud.listening.queue.rpartition(".")[0] or cloud.listening.queue for cloud in config.clouds},
        ),
    ]


def processor_checks(config: "ProcessorConfig", config_file: str) -> list[Check]:
    """Return the checks for a processor: Kafka, its group, and the store."""
    from console.doctor import clock, store

    settings = KafkaSettings(kafka=config.kafka, topics=config.topics)

    return [
        kafka.check(
            config.kafka,
            config.topics,
            _PROCESSOR_ROLES,
            config_file,
            abandon_after_s=config.operations.abandon_after,
        ),
        group.check(settings, config.group),
        clock.check(settings, config.group),
        nova.check(settings),
        store.check(config),
    ]
