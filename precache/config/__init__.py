"""Configuration: YAML files read into frozen models, with every error of a file reported at once, by line and key path.

A part declares its own model from :class:`Block` and the shared blocks here, and calls :func:`load`.
"""

from precache.config.blocks import HttpBlock, TopicName, TopicsBlock
from precache.config.document import Map
from precache.config.errors import ConfigError, FileError, error_at, error_beside
from precache.config.load import load, top_level_keys
from precache.config.model import Block
from precache.config.types import Duration, Listen, parse_duration

__all__ = [
    "Block",
    "ConfigError",
    "Duration",
    "FileError",
    "HttpBlock",
    "Listen",
    "Map",
    "TopicName",
    "TopicsBlock",
    "error_at",
    "error_beside",
    "load",
    "parse_duration",
    "top_level_keys",
]
