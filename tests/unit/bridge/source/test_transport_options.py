"""What the bridge takes for the options of ``[oslo_messaging_rabbit]`` that are not given."""

import pytest

from bridge.source import transport_url as transport

URL = "rabbit://user:secret@host/"


def test_a_rabbitmq_that_is_back_is_tried_again_soon() -> None:
    assert transport.read(URL, {}).options["rabbit_interval_max"] == 5


@pytest.mark.parametrize(
    ("url", "options"), [(URL, {"rabbit_interval_max": 60}), (f"{URL}?rabbit_interval_max=60", {})]
)
def test_what_is_given_counts(url: str, options: dict[str, int]) -> None:
    assert transport.read(url, options).options["rabbit_interval_max"] == 60
