"""What a simulated time is made of: a cloud, what is declared, and what goes wrong when."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time
from random import Random
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from keeper.core.declaration import CloudRules, Declaration, ImageChoice, Window

MINUTE_S: Final = 60.0
HOUR_S: Final = 3_600.0
DAY_S: Final = 24 * HOUR_S

NIGHT: Final = Window(time(22), time(6), ZoneInfo("Europe/Paris"))

Kind = Literal[
    "nova_away",  # for a while; so are the next four
    "store_away",
    "kafka_away",
    "bridge_away",
    "processor_away",
    "keeper_away",  # killed, and started again later
    "killed_before_intent",  # at that step of its next request, and started again later
    "killed_after_intent",
    "killed_after_request",
    "response_lost",  # of the next request, which Nova takes
    "request_lost",  # the next one, on its way to Nova
    "refused",  # the next one
    "host_down",  # for a while
    "host_fails",  # its next requests, ``count`` of them
    "host_hangs",
    "host_joins",
    "host_leaves",
    "conductor_dies",
    "image_replaced",  # a newer one of the same name
    "image_gone",  # for a while
    "other_request",  # somebody else asks for what is declared
    "paused",  # for a while
]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong: at a time since the beginning, for a while, ``count`` times, at place ``which``."""

    at_s: float
    kind: Kind
    for_s: float = 10 * MINUTE_S
    count: int = 1
    which: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """A simulated time.

    Attributes:
        declarations: what is wanted.
        aggregates: names, with the number of hosts of each; hosts are called ``NAME-1`` and so on.
        images: names.
        days: how long it lasts.
        faults: what goes wrong.
        rules: of the cloud.
        start_s: when it begins, in seconds since the epoch.
        interval_s: how often the keeper makes a round.
        first_s: how long a host takes for an image that it lacks.
    """

    declarations: Sequence[Declaration]
    aggregates: dict[str, int]
    images: Sequence[str]
    days: float = 7.0
    faults: Sequence[Fault] = ()
    rules: CloudRules = field(default_factory=CloudRules)
    start_s: float = 1_767_225_600.0  # 2026-01-01T00:00:00Z
    interval_s: float = 300.0
    first_s: float = 60.0


KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


def random_story(seed: int, days: float) -> Story:
    """Return three aggregates and two images, with a fault every few hours, and two calm days at the end."""
    random = Random(seed)  # noqa: S311 - no secret
    images = ("ubuntu", "debian")
    aggregates = {f"a{number}": random.randint(1, 6) for number in range(3)}
    choices = tuple(ImageChoice(image) for image in images)
    declarations = [
        Declaration("cloud", name, choices, window=random.choice((None, None, NIGHT))) for name in aggregates
    ]
    faults = [
        Fault(
            at_s=random.uniform(HOUR_S, max(HOUR_S, (days - 2) * DAY_S)),
            kind=random.choice(KINDS),
            for_s=random.choice((2 * MINUTE_S, 20 * MINUTE_S, 2 * HOUR_S, 8 * HOUR_S)),
            count=random.randint(1, 4),
            which=random.randrange(100),
        )
        for _ in range(int(days * 4))
    ]
    rules = CloudRules(requests=random.randint(1, 2))
    return Story(declarations, aggregates, images, days, sorted(faults, key=lambda fault: fault.at_s), rules)
