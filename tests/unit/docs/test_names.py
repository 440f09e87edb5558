"""Metrics and log events in the documents are those of the code, and none of the code is left out."""

import re
from typing import get_args

from monitoring.metrics import names
from precache.contract.operation import Status
from tests.unit.docs.documents import DOCUMENTS, ROOT, words_in_code_marks

EVENT = re.compile(r"(?:bridge|http|kafka|operation|processor|watchdog|web)\.(?!yaml|env$|listen$)[a-z_]+")
# Messages of ASGI.
ASGI = {"http.disconnect"}
METRIC = re.compile(r"precache_(?:bridge|processor|keeper)_[a-z_]+")


def documented(pattern: re.Pattern[str]) -> set[str]:
    words = set().union(*(words_in_code_marks(each.read_text()) for each in DOCUMENTS if each.parent == ROOT / "docs"))
    return {word for word in words if pattern.fullmatch(word)}


def events_of_the_code() -> set[str]:
    """Every log event stands in the code as a string of its own, but for those of an operation's status."""
    sources = [
        path for folder in ("bridge", "precache", "processor", "console/web") for path in (ROOT / folder).rglob("*.py")
    ]
    found = {word for path in sources for word in re.findall(r'"([a-z]+\.[a-z_]+)"', path.read_text())} - ASGI
    return {word for word in found if EVENT.fullmatch(word)} | {f"operation.{status}" for status in get_args(Status)}


def test_each_log_event_is_documented_and_none_is_made_up() -> None:
    assert documented(EVENT) == events_of_the_code()


def test_each_metric_is_documented_and_none_is_made_up() -> None:
    assert documented(METRIC) == {name for name in names() if METRIC.fullmatch(name)}
