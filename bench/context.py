"""What every benchmark gets: servers, logs, and how much of it there is to be."""

from dataclasses import dataclass
from pathlib import Path

from bench.load.log import Logs
from bench.servers import Servers


@dataclass(frozen=True, slots=True)
class Bench:
    """One run of the program.

    Attributes:
        servers: to be measured on.
        logs: filled topics.
        runs: of each program.
        quick: a smoke test: loads too small for figures that mean anything.
    """

    servers: Servers
    logs: Logs
    runs: int
    quick: bool

    @property
    def folder(self) -> Path:
        """A folder for configuration and logs of what is measured."""
        return self.servers.folder

    def size(self, full: int, quick: int) -> int:
        """Return a number of something: of a real run, or of a smoke test."""
        return quick if self.quick else full
