from typing import TYPE_CHECKING

from bridge.config import BridgeConfig
from console.demo.settings import DemoConfig
from keeper.config import KeeperConfig
from precache.config.kinds import KEYS_OF, kind_of_keys
from precache.operator.config import OperatorConfig
from processor.config import ProcessorConfig

if TYPE_CHECKING:
    from precache.config import Block


def test_the_keys_of_each_kind_are_those_of_its_model() -> None:
    models: dict[str, type[Block]] = {
        "bridge": BridgeConfig,
        "processor": ProcessorConfig,
        "operator": OperatorConfig,
        "keeper": KeeperConfig,
    }
    assert {kind: KEYS_OF[kind] for kind in models} == {
        kind: frozenset(model.model_fields) for kind, model in models.items()
    }


def test_each_kind_is_known_by_all_its_keys() -> None:
    assert {kind: kind_of_keys(keys) for kind, keys in KEYS_OF.items()} == {kind: kind for kind in KEYS_OF}
    assert kind_of_keys(frozenset(DemoConfig.model_fields)) == "demo"
    assert kind_of_keys(frozenset({"kafka", "topics"})) == "kafka"
