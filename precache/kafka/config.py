"""The ``kafka:`` block: any property of librdkafka, but for those that a promise of precache rests on.

librdkafka ships no list of its properties, but refuses what it does not know. It is asked without making a client: a
property that does not exist is laid after the one in question, so that the constructor always ends before it starts
anything; what is refused first shows whether the one before was good.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Self

from confluent_kafka import KafkaException, Producer
from pydantic import ConfigDict, RootModel, SecretStr, model_validator

from precache.config.document import Document, Map
from precache.config.errors import Path, nearest
from precache.config.model import TWIN, read_secret_file
from precache.kafka.properties import CALLBACKS, REFUSED, REFUSED_PREFIXES, SECRET, USUAL

Role = Literal["producer", "consumer", "admin"]
Scalar = str | int | float | bool | SecretStr

_SERVERS: Final = frozenset({"bootstrap.servers", "metadata.broker.list"})
_SERVER: Final = re.compile(r"(?:[a-zA-Z_]+://)?(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?")
_MAX_PORT: Final = 65_535
_DEFAULT_BYTES: Final = 1_000_000  # librdkafka's, of a record and of a batch
_SENTINEL: Final = "precache.sentinel"


class KafkaBlock(RootModel[dict[str, Scalar]]):
    """Properties of librdkafka, as ``CONFIGURATION.md`` of librdkafka names them.

    Secrets (``sasl.password``, ``ssl.key.pem`` ...) are masked wherever the block is shown, and each has a ``*_file``
    twin. ``test.mock.*`` is refused in files only: the demo runs on librdkafka's mock cluster.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _check(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        if isinstance(data, Map):
            return _from_map(data)
        errors = [f"{key}: {text}" for key, value in data.items() for text in _errors_of(key, value)]
        if _SERVERS.isdisjoint(data):
            errors.append("bootstrap.servers: is required")
        if errors:
            raise ValueError("; ".join(errors))
        return {key: _wrapped(key, value) for key, value in data.items()}

    @property
    def servers(self) -> str:
        """The bootstrap servers, as they are written: for texts."""
        return str(next(self.root[key] for key in sorted(_SERVERS) if key in self.root))

    @property
    def principal(self) -> str:
        """Whom Kafka takes this client for, such as ``User:precache``; ``""`` where only Kafka's own rules say."""
        if name := self.root.get("sasl.username"):
            return f"User:{name}"
        protocol = str(self.root.get("security.protocol", "plaintext")).lower()
        return "User:ANONYMOUS" if protocol == "plaintext" else ""

    @property
    def max_batch_bytes(self) -> int:
        """The most that a producer puts into one batch: librdkafka's defaults unless the file says otherwise."""
        return min(self._bytes("batch.size"), self.max_message_bytes)

    @property
    def max_message_bytes(self) -> int:
        """The largest record that a producer takes, key and headers included: librdkafka's default unless set."""
        return self._bytes("message.max.bytes")

    def require_record_bytes(self, at_least: int, largest: str) -> Self:
        """Return the block, if its producers take records of that many bytes.

        Args:
            at_least: key and headers included.
            largest: what may be as long as that, for the text.

        Raises:
            ValueError: they take only smaller ones.
        """
        if self.max_message_bytes < at_least:
            raise ValueError(
                f"message.max.bytes should be at least {at_least}: {largest} may be as long as that, and one that can't"
                " be written would hold up all that come after it"
            )
        return self

    def _bytes(self, key: str) -> int:
        return int(float(str(self.root.get(key, _DEFAULT_BYTES))))

    @property
    def group_id(self) -> str | None:
        """The consumer group, if the file names one."""
        group = self.root.get("group.id")
        return None if group is None else str(group)

    def client(self, role: Role, **ours: Any) -> dict[str, Any]:
        """Return the properties for a client, secrets in clear, with ours laid over.

        Args:
            role: what the client is; ``group.id`` and the like go to consumers only.
            ours: properties by their librdkafka names (``**{"client.id": "x"}``).
        """
        kept = {key: value for key, value in self.root.items() if role == "consumer" or not key.startswith("group.")}
        clear = {
            key: value.get_secret_value() if isinstance(value, SecretStr) else value for key, value in kept.items()
        }
        return {**clear, **ours}


def _from_map(data: Map) -> dict[str, Scalar]:
    """Return the properties of a file's block; what is wrong with them is noted in the document."""
    document, result = data.document, dict[str, Scalar]()
    for key, value in data.items():
        path = (*data.path, key)
        name = key.removesuffix(TWIN)
        if key.endswith(TWIN) and name in SECRET:
            _take_twin(document, data, result, path, name)
        elif path not in document.unusable:
            if name in SECRET and isinstance(value, str):
                document.keep_secret(value)
            errors = list(_errors_of(key, value, in_file=True))
            for text in errors:
                document.error(path, text)
            if not errors:
                result[key] = _wrapped(key, value)
    if _SERVERS.isdisjoint(data) and not any(nearest(key, _SERVERS) for key in data if key not in USUAL):
        document.error((*data.path, "bootstrap.servers"), "is required")
    return result


def _take_twin(document: Document, data: Map, result: dict[str, Scalar], path: Path, name: str) -> None:
    if name in data:
        document.error(path, f"give either {name!r} or '{name}{TWIN}', not both")
        return
    secret = read_secret_file(document, path, data[name + TWIN])
    if secret is not None:
        result[name] = SecretStr(secret)


def _wrapped(key: str, value: Any) -> Scalar:
    if key in SECRET and not isinstance(value, SecretStr):
        return SecretStr(str(value))
    scalar: Scalar = value
    return scalar


def _errors_of(key: str, value: object, *, in_file: bool = False) -> Iterator[str]:
    refused = REFUSED.get(key) or next((why for start, why in REFUSED_PREFIXES.items() if key.startswith(start)), None)
    if key in CALLBACKS:
        yield "refused: precache sets this callback itself; remove the key"
    elif refused is not None:
        yield f"refused: {refused}; remove the key"
    elif in_file and key.startswith("test.mock."):
        yield "refused: librdkafka's mock cluster is for `precache demo` only; remove the key"
    elif value is None or value == "":
        yield "has no value: give one, or remove the key"
    elif not isinstance(value, str | int | float | SecretStr):
        yield "should be one value: librdkafka's properties are flat, with dots in their names"
    elif key in _SERVERS:
        yield from _errors_of_servers(value)
    else:
        yield from _errors_for_librdkafka(key, value)


def _errors_of_servers(value: object) -> Iterator[str]:
    for server in str(value).split(","):
        match = _SERVER.fullmatch(server.strip())
        if match is None or int(match[1] or 1) > _MAX_PORT or int(match[1] or 1) == 0:
            yield "should be HOST:PORT, or several with commas between, such as kafka1:9092,kafka2:9092"
            return


def _errors_for_librdkafka(key: str, value: object) -> Iterator[str]:
    text = _refusal(key, value.get_secret_value() if isinstance(value, SecretStr) else value)
    if f'"{_SENTINEL}"' in text:
        return
    if text.startswith(("No such configuration property", "Internal property")):
        near = nearest(key, USUAL)
        yield f"unknown key {key!r}; did you mean {near!r}?" if near else f"librdkafka has no property {key!r}"
    elif key in SECRET or text.startswith("Invalid value for"):
        # It may echo the value, or name the property by another name than the file does.
        yield "librdkafka refuses this value"
    else:
        yield f"librdkafka refuses this value: {text}"


def _refusal(key: str, value: object) -> str:
    """Return what librdkafka says; there is always something, because the last property does not exist."""
    try:
        Producer({key: value, _SENTINEL: ""})
    except KafkaException as error:
        return str(error.args[0].str()).strip()
    except (TypeError, ValueError) as error:
        return str(error)
    raise AssertionError(f"librdkafka took the property {_SENTINEL}")
