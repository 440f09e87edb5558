"""What every benchmark gets: servers, logs, and how much of it there is to be."""

from dataclasses import dataclass, field
from pathlib import Path

from bench.load.log import Logs
from bench.load.plan import Plan
from bench.servers import Servers
from tests.services.testing import Topics


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the program.

    Attributes:
        servers: to be measured on.
        logs: filled topics.
        runs: of each program.
        decided: derived topics that hold the decisions on a plan's log; see :func:`bench.rows.store.decided`.
        quick: a smoke test: loads too small for figures that mean anything.
    """

    servers: Servers
    logs: Logs
    runs: int
    quick: bool
    decided: dict[Plan, Topics] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """A folder for configuration and logs of what is measured."""
        return self.servers.folder

    def size(self, full: int, quick: int) -> int:
        """Return a number of something: of a real run, or of a smoke test."""
        return quick if self.quick else full
