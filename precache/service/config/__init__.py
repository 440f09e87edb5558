"""Configuration: YAML files read into frozen models, with every fault of a file told at once, by line and key path.

A part declares its own model from :class:`Block` and the shared blocks here, and calls :func:`load`.
"""

from precache.service.config.blocks import HttpBlock, TopicName, TopicsBlock
from precache.service.config.document import Map
from precache.service.config.faults import ConfigError, Fault, fault_at, fault_beside
from precache.service.config.kafka import KafkaBlock
from precache.service.config.load import load, top_level_keys
from precache.service.config.model import Block
from precache.service.config.types import Duration, Listen, parse_duration

__all__ = [
    "Block",
    "ConfigError",
    "Duration",
    "Fault",
    "HttpBlock",
    "KafkaBlock",
    "Listen",
    "Map",
    "TopicName",
    "TopicsBlock",
    "fault_at",
    "fault_beside",
    "load",
    "parse_duration",
    "top_level_keys",
]
