"""Configuration: YAML files read into frozen models, with every fault of a file told at once, by line and key path.

A part declares its own model from :class:`Block` and the shared blocks here, and calls :func:`load`.
"""

from precache.config.blocks import HttpBlock, TopicName, TopicsBlock
from precache.config.document import Map
from precache.config.faults import ConfigError, Fault, fault_at, fault_beside
from precache.config.load import load, top_level_keys
from precache.config.model import Block
from precache.config.types import Duration, Listen, parse_duration

__all__ = [
    "Block",
    "ConfigError",
    "Duration",
    "Fault",
    "HttpBlock",
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
