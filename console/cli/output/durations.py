"""Durations on the command line, as in the configuration: `90s`, `2m`, `1h30m`, a bare number of seconds."""

from typing import Any, Final

import click


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        from precache.config import parse_duration

        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


DURATION: Final = _Duration()
