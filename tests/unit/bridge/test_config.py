"""`bridge.yaml`: each fault at its own key, whatever else is wrong in the file."""

from pathlib import Path

import pytest

from bridge.config import BridgeConfig, CloudBlock
from precache.service.config import ConfigError, load

BAD = Path(__file__).parent / "bad"
FILES = sorted(BAD.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_fault_is_told_in_these_words(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, BridgeConfig, {})
    told = [str(fault).replace(f"{BAD}/", "") for fault in caught.value.faults]
    assert told == path.with_suffix(".txt").read_text().splitlines()
    assert "hidden-password" not in str(caught.value)


def test_each_bad_file_has_its_texts_and_none_is_left_over() -> None:
    assert {path.stem for path in FILES} == {path.stem for path in BAD.glob("*.txt")}
    assert len(FILES) >= 4


def test_what_is_not_of_a_file_is_held_to_the_same() -> None:
    cloud = {"name": "a", "transport_url": "rabbit://a:b@h/", "topic": "t"}
    with pytest.raises(ValueError, match="name: a is the name of a cloud above"):
        BridgeConfig.model_validate({"kafka": {"bootstrap.servers": "h:1"}, "clouds": [cloud, cloud]})
    with pytest.raises(ValueError, match="no such option"):
        CloudBlock.model_validate({**cloud, "oslo_messaging_rabbit": {"nosuch": 1}})


def test_options_of_another_transport_are_left_to_the_oslo_source() -> None:
    options = {"rabbit_qos_prefetch_count": 5}
    cloud = {"name": "a", "transport_url": "kombu+memory://", "topic": "t", "source": "oslo"}
    block = CloudBlock.model_validate({**cloud, "oslo_messaging_rabbit": options})
    assert block.oslo_messaging_rabbit == options
