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
        log_level: for the services' logs.
        log_format: for the services' logs.
    """

    command: str = ""
    verbose: bool = False
    log_level: str = "info"
    log_format: LogFormat = "auto"

    def configure_logs(self, default_level: str | None = None) -> None:
        """Set the logs up as asked for.

        Args:
            default_level: for a command whose output is for a person: the level unless one was asked for.
        """
        from precache.runtime import logs

        configure: Callable[..., None] = logs.configure
        level = self.log_level
        if default_level is not None and not self.verbose and level == "info":
            level = default_level
        configure(self.log_format, "debug" if self.verbose else level)
