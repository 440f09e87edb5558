"""The names that stand in our tables, held against librdkafka itself."""

import pytest

from precache.kafka.config import _refusal
from precache.kafka.properties import REFUSED, SECRET, USUAL

# Read by the Python binding, which librdkafka never sees, and loaded when it is set.
NOT_ASKED = {"delivery.report.only.error", "plugin.library.paths"}


@pytest.mark.parametrize("name", sorted((USUAL | REFUSED.keys() | SECRET) - NOT_ASKED))
def test_librdkafka_knows_the_property(name: str) -> None:
    assert not _refusal(name, "1").startswith(("No such configuration property", "Internal property")) or (
        "precache.sentinel" in _refusal(name, "1")
    )


def test_what_is_refused_is_never_offered_as_a_near_match() -> None:
    assert not USUAL & REFUSED.keys()
