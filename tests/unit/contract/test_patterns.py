import pytest

from bridge.decode.patterns import EventFilter

CASES = [
    (["aggregate.cache_images.*"], "aggregate.cache_images.start", True),
    (["aggregate.cache_images.*"], "aggregate.cache_images", False),
    (["aggregate.cache_images.*"], "xaggregate.cache_images.start", False),
    (["instance.*.end"], "instance.create.end", True),
    (["instance.*.end"], "instance.create.end.late", False),
    (["instance.create.end"], "instanceXcreateXend", False),
    (["*"], "anything.at.all", True),
    (["*"], "", True),
    ([], "aggregate.cache_images.start", False),
    (["a.*", "b.*"], "b.c", True),
    (["a+b"], "a+b", True),
    (["a+b"], "aab", False),
]


@pytest.mark.parametrize(("patterns", "event_type", "wanted"), CASES)
def test_patterns(patterns: list[str], event_type: str, wanted: bool) -> None:  # noqa: FBT001 - a table's column
    assert EventFilter(patterns)(event_type) is wanted
