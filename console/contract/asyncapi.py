"""The AsyncAPI 3.0 document: servers, channels, operations and messages, as precache sends them."""

from collections.abc import Mapping
from typing import Any, Final

from console.contract.messages import MESSAGES, MessageSpec
from precache.config.blocks import TopicsBlock
from precache.contract.topics import SPECS, Role, TopicSpec

# Of the contract. It grows by additions; what would break a reader gets a new `ce_type` instead.
VERSION: Final = "1.1.0"
_BINDING: Final = "0.5.0"

_ABOUT: Final[Mapping[Role, str]] = {
    "notifications": "Nova's notifications as a bridge forwards them, and the bridges' heartbeats.",
    "progress": "One record for each host that reported. Written in transactions.",
    "operations": "One record for each decision about an operation; the last one of a key is its state. Written in"
    " transactions.",
    "deadletters": "What could not be used, with the reason in headers.",
    "instances": "Nova's notifications of instances that were built.",
    "wanted": "How declared images stand; the last record of a key is its state. Written in transactions.",
}


def document(examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the document.

    Args:
        examples: for each message, a real record: `key`, `headers`, and `payload` where the value is JSON.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "precache",
            "version": VERSION,
            "description": "Image pre-caching of Nova, followed across clouds. docs/contract/README.md says how to read"
            " the topics: order, duplicates, transactions, and what may be added. Names of topics are the defaults.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "With TLS or SASL the protocol is `kafka-secure`.",
                "variables": {"bootstrap": {"default": "localhost:9092", "description": "`bootstrap.servers`"}},
            }
        },
        "channels": {role: _channel(role) for role in _ABOUT},
        "operations": {
            f"send-{role}": {"action": "send", "channel": {"$ref": f"#/channels/{role}"}} for role in _ABOUT
        },
        "components": {"messages": {each.name: _message(each, examples) for each in MESSAGES}},
    }


def _channel(role: Role) -> dict[str, Any]:
    spec = SPECS[role]
    binding: dict[str, Any] = {"topicConfiguration": _configuration(spec), "bindingVersion": _BINDING}
    if spec.partitions is not None:
        binding["partitions"] = spec.partitions
    return {
        "address": TopicsBlock().name(role),
        "description": _ABOUT[role],
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {
            each.name: {"$ref": f"#/components/messages/{each.name}"} for each in MESSAGES if each.role == role
        },
        "bindings": {"kafka": binding},
        **({"x-timestamp-type": spec.settings[_TIMESTAMPS]} if _TIMESTAMPS in spec.settings else {}),
    }


_TIMESTAMPS: Final = "message.timestamp.type"


def _configuration(spec: TopicSpec) -> dict[str, Any]:
    found: dict[str, Any] = {"cleanup.policy": spec.settings["cleanup.policy"].split(",")}
    if "retention.ms" in spec.settings:
        found["retention.ms"] = int(spec.settings["retention.ms"])
    return found


def _message(spec: MessageSpec, examples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    what, pattern = spec.key
    value = spec.value()
    example = examples.get(spec.name)
    return {
        "name": spec.name,
        "summary": spec.summary,
        "contentType": "application/json",
        "headers": spec.headers(),
        "payload": {"description": "bytes of any kind"} if value is None else value,
        "bindings": {
            "kafka": {
                "key": {"type": "string", "pattern": pattern, "description": what},
                "bindingVersion": _BINDING,
            }
        },
        "x-ce-id": spec.identity,
        "x-ce-source": spec.source,
        "x-partition": spec.partition,
        **({"examples": [{name: part for name, part in example.items() if name != "key"}]} if example else {}),
    }
