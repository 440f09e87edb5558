"""Metrics and log events in the documents are those of the code, and none of the code is left out."""

import re
from typing import get_args

from prometheus_client.metrics import MetricWrapperBase

import bridge.metrics
import processor.metrics
from precache.contract.operation import Status
from tests.unit.docs.documents import DOCUMENTS, ROOT, words_in_code_marks

EVENT = re.compile(r"(?:bridge|http|kafka|operation|processor|watchdog)\.(?!yaml|listen$)[a-z_]+")
METRIC = re.compile(r"precache_(?:bridge|processor)_[a-z_]+")


def documented(pattern: re.Pattern[str]) -> set[str]:
    words = set().union(*(words_in_code_marks(each.read_text()) for each in DOCUMENTS if each.parent == ROOT / "docs"))
    return {word for word in words if pattern.fullmatch(word)}


def events_of_the_code() -> set[str]:
    """Every log event stands in the code as a string of its own, but for those of an operation's status."""
    sources = [path for folder in ("bridge", "precache", "processor") for path in (ROOT / folder).rglob("*.py")]
    found = {word for path in sources for word in re.findall(r'"([a-z]+\.[a-z_]+)"', path.read_text())}
    return {word for word in found if EVENT.fullmatch(word)} | {f"operation.{status}" for status in get_args(Status)}


def metrics_of_the_code() -> set[str]:
    values = [value for module in (bridge.metrics, processor.metrics) for value in vars(module).values()]
    families = [family for value in values if isinstance(value, MetricWrapperBase) for family in value.describe()]
    return {f"{each.name}_total" if each.type == "counter" else each.name for each in families}


def test_each_log_event_is_documented_and_none_is_made_up() -> None:
    assert documented(EVENT) == events_of_the_code()


def test_each_metric_is_documented_and_none_is_made_up() -> None:
    assert documented(METRIC) == metrics_of_the_code()
