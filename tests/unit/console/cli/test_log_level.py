import pytest

from console.cli.invocation import Invocation
from precache.runtime import logs


@pytest.mark.parametrize(
    ("asked", "verbose", "default", "level"),
    [
        (None, False, "info", "info"),
        (None, False, "error", "error"),
        ("info", False, "error", "info"),
        ("warning", False, "error", "warning"),
        ("error", True, "info", "debug"),
    ],
)
def test_the_level_that_was_asked_for_counts(
    monkeypatch: pytest.MonkeyPatch, *, asked: str | None, verbose: bool, default: str, level: str
) -> None:
    configured: list[str] = []
    monkeypatch.setattr(logs, "configure", lambda _format, level: configured.append(level))
    Invocation(verbose=verbose, log_level=asked).configure_logs(default)
    assert configured == [level]
