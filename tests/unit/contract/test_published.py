"""The published contract is what the code makes, and what it says of topics, keys and partitions is right."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from console.contract.asyncapi import document
from console.contract.files import examples, files
from console.contract.messages import MESSAGES, MessageSpec
from precache.contract.topics import SPECS
from tests.support.published import problems, spec_of

FOLDER = Path(__file__).parents[3] / "docs" / "contract"
BY_NAME = {each.name: each for each in MESSAGES}


def test_what_is_committed_is_what_the_code_makes() -> None:
    made = dict(files())
    for name, text in made.items():
        file = FOLDER / name
        assert file.is_file(), f"docs/contract/{name} is missing: run `make contract`"
        assert file.read_text(encoding="utf-8") == text, f"docs/contract/{name} differs: run `make contract`"
    there = {str(path.relative_to(FOLDER)) for part in ("schemas", "store") for path in (FOLDER / part).iterdir()}
    assert there <= made.keys(), "a file that nothing makes any more"


@pytest.mark.parametrize("validator", [Draft7Validator, Draft202012Validator])
def test_the_schemas_are_of_both_drafts(validator: Any) -> None:
    for message in MESSAGES:
        for schema in (message.headers(), message.value() or {}):
            validator.check_schema(schema)


def test_every_example_is_valid_and_real() -> None:
    assert examples().keys() == BY_NAME.keys() - {"other-notification"}
    for name, example in examples().items():
        spec = BY_NAME[name]
        assert spec_of(example["headers"]["ce_type"]) == spec
        value = json.dumps(example.get("payload", "")).encode()
        assert problems(spec, example["key"].encode(), example["headers"], value) == []


def broken(spec: MessageSpec) -> Iterator[tuple[str, dict[str, str], Any]]:
    """Yield a record of a kind with one thing wrong each time."""
    example = examples()[spec.name]
    headers, payload = example["headers"], example.get("payload", {})
    for name in headers:
        if name.startswith(("ce_", "content")):
            yield f"without {name}", {key: value for key, value in headers.items() if key != name}, payload
    value = spec.value()
    if value is None:
        return
    for name in value["required"]:
        yield f"without {name}", headers, {key: each for key, each in payload.items() if key != name}
        wrong = 1 if isinstance(payload[name], str) else "text"
        yield f"{name} of another type", headers, payload | {name: wrong}


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"other-notification"}))
def test_a_record_that_is_broken_is_found(name: str) -> None:
    spec = BY_NAME[name]
    tried = 0
    for what, headers, payload in broken(spec):
        assert problems(spec, examples()[name]["key"].encode(), headers, json.dumps(payload).encode()), what
        tried += 1
    assert tried >= 7


def test_a_key_that_is_none_is_found() -> None:
    example = examples()["operation"]
    assert problems(BY_NAME["operation"], b"paris", example["headers"], json.dumps(example["payload"]).encode())


def test_what_a_later_version_adds_is_no_error() -> None:
    for name, example in examples().items():
        spec = BY_NAME[name]
        if spec.value() is not None:
            value = json.dumps(example["payload"] | {"added_later": 1}).encode()
            headers = example["headers"] | {"added_later": "1"}
            assert problems(spec, example["key"].encode(), headers, value) == []


def test_the_asyncapi_document_has_every_topic_with_its_key_and_rules() -> None:
    made = document(examples())
    channels = {role: (channel["address"], list(channel["messages"])) for role, channel in made["channels"].items()}
    assert channels == {
        "notifications": (
            "nova.notifications",
            ["start", "progress-notification", "end", "other-notification", "heartbeat"],
        ),
        "progress": ("precache.progress", ["progress"]),
        "operations": ("precache.operations", ["operation"]),
        "deadletters": ("precache.deadletters", ["deadletter", "replay"]),
        "instances": ("nova.instances", ["instance"]),
        "wanted": ("precache.wanted", ["wanted"]),
    }
    for role, channel in made["channels"].items():
        kafka = channel["bindings"]["kafka"]["topicConfiguration"]
        assert ",".join(kafka["cleanup.policy"]) == SPECS[role].settings["cleanup.policy"]
        assert str(kafka.get("retention.ms", "")) == SPECS[role].settings.get("retention.ms", "")
    assert made["channels"]["notifications"]["x-timestamp-type"] == "LogAppendTime"
    assert made["channels"]["wanted"]["bindings"]["kafka"]["partitions"] == 1
    messages = made["components"]["messages"]
    keys = {name: message["bindings"]["kafka"]["key"]["description"] for name, message in messages.items()}
    assert keys["start"] == keys["progress-notification"] == keys["end"] == "`CLOUD/AGGREGATE_UUID`"
    assert keys["operation"] == keys["progress"] == "the operation's id, `CLOUD/AGGREGATE_UUID/REQUEST_ID`"
    assert keys["instance"] == "`CLOUD/INSTANCE_UUID`"
    assert keys["wanted"] == "`CLOUD/AGGREGATE_UUID/IMAGE`"
    assert keys["heartbeat"] == "`CLOUD`"
    assert "as many partitions" in messages["operation"]["x-partition"]
    types = {name: message["headers"]["properties"]["ce_type"] for name, message in messages.items()}
    assert types["operation"] == {"const": "io.precache.operation.v1"}
    assert types["start"] == {"const": "org.openstack.nova.aggregate.cache_images.start"}


def test_no_reference_is_left_in_a_schema() -> None:
    for name, text in files():
        if name.startswith("schemas/"):
            assert not re.search(r'"\$ref"|``|:class:', text), name
