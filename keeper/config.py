"""``keep.yaml``: which images stay on which aggregates, and how each cloud's Nova is reached."""

import re
import socket
from collections.abc import Mapping
from datetime import datetime, time
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from keeper.core.declaration import CloudRules, Declaration, ImageChoice, RetryPolicy, Window
from keeper.round import CloudDeclarations
from precache.config import Block, Duration, HttpBlock, TopicsBlock, error_beside
from precache.config.operators import OperatorCloud, OperatorsBlock
from precache.config.store import StoreConfig
from precache.kafka.config import KafkaBlock

DEFAULT_GROUP: Final = "precache-keeper"
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_IMAGE_KEYS: Final = frozenset({"property", "newest"})
_MOST_NEWEST: Final = 100


def _image(value: Any) -> ImageChoice:
    """Return which images are meant: ``NAME``, ``ID``, or ``{property: {KEY: VALUE}, newest: N}``."""
    if isinstance(value, ImageChoice):
        return value
    if isinstance(value, str) and value.strip():
        return ImageChoice(value.strip())
    if not isinstance(value, Mapping) or not isinstance(value.get("property"), Mapping) or not value["property"]:
        raise ValueError("should be a name, an id, or {property: {os_distro: debian}, newest: 1}")
    if unknown := sorted(map(str, value.keys() - _IMAGE_KEYS)):
        raise ValueError(f"unknown key {unknown[0]!r}; an image chosen by property has `property` and `newest`")
    newest = value.get("newest", 1)
    if type(newest) is not int or not 1 <= newest <= _MOST_NEWEST:
        raise ValueError(f"newest should be a whole number from 1 to {_MOST_NEWEST}")
    properties = tuple(sorted((str(key), str(text)) for key, text in value["property"].items()))
    return ImageChoice(properties=properties, newest=newest)


def _clock(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not _CLOCK.fullmatch(value):
        raise ValueError('should be a time of day in quotes, such as "22:00"')
    return time.fromisoformat(value)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("should be a time zone such as Europe/Paris or UTC") from None
    return name


def _deadline(value: Any) -> Any:
    if isinstance(value, datetime | str):
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return moment
    raise ValueError("should be a moment with its offset, such as 2026-12-01T06:00:00+01:00")


ImageEntry = Annotated[ImageChoice, BeforeValidator(_image)]
TimeOfDay = Annotated[time, BeforeValidator(_clock)]
ZoneName = Annotated[str, AfterValidator(_zone)]
Moment = Annotated[datetime, BeforeValidator(_deadline)]


class WindowBlock(Block):
    """When requests may begin: each day ``from`` until ``to``, past midnight if ``to`` is earlier."""

    opens: TimeOfDay = Field(alias="from")
    closes: TimeOfDay = Field(alias="to")
    zone: ZoneName = "UTC"

    @property
    def window(self) -> Window:
        """Return it as the planner takes it."""
        return Window(self.opens, self.closes, ZoneInfo(self.zone))


class RetryBlock(Block):
    """What follows when hosts failed: this many requests in a row, the first after ``backoff``, each next one later."""

    attempts: int = Field(default=3, ge=1, le=100)
    backoff: Duration = Field(default=600.0, ge=1.0)


class WantedBlock(Block):
    """Images that are to stay on one aggregate. Durations are seconds."""

    cloud: str = Field(min_length=1)
    aggregate: str = Field(min_length=1)
    images: tuple[ImageEntry, ...] = Field(min_length=1)
    margin: Duration = Field(default=4 * 3_600.0, ge=0.0)
    window: WindowBlock | None = None
    deadline: Moment | None = None
    retry: RetryBlock = RetryBlock()
    joined_after: Duration = 600.0
    paused: bool = False

    @property
    def declaration(self) -> Declaration:
        """Return it as the planner takes it."""
        return Declaration(
            cloud=self.cloud,
            aggregate=self.aggregate,
            images=self.images,
            margin_s=self.margin,
            window=None if self.window is None else self.window.window,
            deadline_s=None if self.deadline is None else self.deadline.timestamp(),
            retry=RetryPolicy(self.retry.attempts, self.retry.backoff),
            joined_after_s=self.joined_after,
            paused=self.paused,
        )


class KeeperCloud(OperatorCloud):
    """One cloud as the keeper reaches it; ``requests``: how many of its requests may be open at once."""

    requests: int = Field(default=1, ge=1, le=100)

    @property
    def rules(self) -> CloudRules:
        """Return what the planner needs to know of its Nova."""
        return CloudRules(self.purge_after, self.purge_after_by_aggregate, self.requests)


class KeeperOperators(OperatorsBlock):
    """The clouds that the keeper works with."""

    clouds: tuple[KeeperCloud, ...] = Field(min_length=1)


class KeeperConfig(Block):
    """The whole of ``keep.yaml``. Its store is only read."""

    kafka: KafkaBlock
    topics: TopicsBlock = TopicsBlock()
    store: StoreConfig
    operators: KeeperOperators
    wanted: tuple[WantedBlock, ...] = Field(min_length=1)
    instance: str = Field(default_factory=socket.gethostname, min_length=1, max_length=200)
    shutdown_timeout: Duration = Field(default=30.0, gt=0)
    http: HttpBlock | None = HttpBlock(listen=("127.0.0.1", 9102))

    @field_validator("wanted")
    @classmethod
    def _clouds_are_known(cls, wanted: tuple[WantedBlock, ...], info: ValidationInfo) -> tuple[WantedBlock, ...]:
        operators = info.data.get("operators")
        if operators is None:
            return wanted
        known = {cloud.name for cloud in operators.clouds}
        missing = sorted({each.cloud for each in wanted} - known)
        if missing:
            raise error_beside("wanted", f"cloud {missing[0]!r} has no entry in operators.clouds: how is it reached?")
        return wanted

    @field_validator("wanted")
    @classmethod
    def _leaves_time(cls, wanted: tuple[WantedBlock, ...], info: ValidationInfo) -> tuple[WantedBlock, ...]:
        operators = info.data.get("operators")
        if operators is None:
            return wanted
        for each in wanted:
            purge_after_s = operators.purge_after_s(each.cloud, each.aggregate)
            if each.margin >= purge_after_s:
                text = f"{each.aggregate}: margin should be shorter than purge_after, which is {purge_after_s:g} s"
                raise error_beside("wanted", f"{text}: else it would be asked for without end")
        return wanted

    @property
    def group(self) -> str:
        """Return the consumer group: one member of it acts."""
        return self.kafka.group_id or DEFAULT_GROUP

    def declarations(self) -> list[CloudDeclarations]:
        """Return what is declared, by cloud, in the file's order."""
        found = []
        for cloud in self.operators.clouds:
            declared = [each.declaration for each in self.wanted if each.cloud == cloud.name]
            if declared:
                found.append(CloudDeclarations(cloud.name, cloud.rules, declared))
        return found
