"""What the options before the command's name said, handed to every command as click's object."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

LogFormat = Literal["auto", "console", "json"]


@dataclass(slots=True)
class Invocation:
    """One run of the command.

    Attributes:
        command: the name of the subcommand, once it is known.
        verbose: show tracebacks and debug logs.
        log_level: for the logs; ``None`` where none was asked for.
        log_format: for the services' logs.
    """

    command: str = ""
    verbose: bool = False
    log_level: str | None = None
    log_format: LogFormat = "auto"

    def configure_logs(self, default_level: str = "info") -> None:
        """Set the logs up as asked for.

        Args:
            default_level: the level unless one was asked for; higher for a command whose output is for a person.
        """
        from precache.runtime import logs

        configure: Callable[..., None] = logs.configure
        configure(self.log_format, "debug" if self.verbose else self.log_level or default_level)
