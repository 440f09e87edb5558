"""The `store:` block: which store, and how to reach it. Validated without any network."""

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, SecretStr

from precache.config.model import Block
from precache.config.types import Duration


def _http_url(text: str) -> str:
    wrong = "should be the address of InfluxDB, such as http://localhost:8086"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise ValueError(wrong) from error
    if not usable:
        raise ValueError(wrong)
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds credentials: give `token` or `token_file`, and the bare address here")
    if parts.query or parts.fragment:
        raise ValueError("has a query or a fragment: give the bare address, such as http://localhost:8086")
    return text.rstrip("/")


def _header_value(token: SecretStr) -> SecretStr:
    # An HTTP client refuses other characters in a header, and says the whole header when it does.
    text = token.get_secret_value().strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("should be an API token of InfluxDB: one word of ASCII characters")
    return SecretStr(text)


def _positive(seconds: float) -> float:
    if seconds <= 0:
        raise ValueError("should be more than 0")
    return seconds


class InfluxStoreConfig(Block):
    """An InfluxDB 2. ``timeout`` (seconds) is for one request; ``batch`` is the number of points in it."""

    type: Literal["influxdb"]
    url: Annotated[str, AfterValidator(_http_url)]
    org: Annotated[str, Field(min_length=1)]
    bucket: Annotated[str, Field(min_length=1)]
    token: Annotated[SecretStr, AfterValidator(_header_value)]
    timeout: Annotated[Duration, AfterValidator(_positive)] = 10.0
    batch: Annotated[int, Field(ge=1, le=50_000)] = 5_000
    ca_file: FilePath | None = None


class SqliteStoreConfig(Block):
    """A file for a single processor. Its folder must be there, on a local disk: WAL does not work over a network."""

    type: Literal["sqlite"]
    path: Annotated[Path, AfterValidator(Path.expanduser)]


StoreConfig = Annotated[InfluxStoreConfig | SqliteStoreConfig, Field(discriminator="type")]
