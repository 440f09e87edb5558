"""The demo's configuration: ``config/demo.yaml``, which the wheel carries beside this module."""

from pathlib import Path
from typing import Final

from pydantic import ValidationInfo, field_validator

from bridge.config import BridgeConfig
from console.cli.pairing import lateness_problem
from precache.config import Block, load
from processor.config import ProcessorConfig

_NAME: Final = "demo.yaml"


class DemoConfig(Block):
    """``demo.yaml``: what stands in ``bridge.yaml`` and in ``processor.yaml``, in one file."""

    bridge: BridgeConfig
    processor: ProcessorConfig

    @field_validator("processor")
    @classmethod
    def _keeps_for_longer_than_is_held(cls, processor: ProcessorConfig, info: ValidationInfo) -> ProcessorConfig:
        error = lateness_problem(info.data["bridge"], processor) if "bridge" in info.data else ""
        if error:
            raise ValueError(f"operations.allowed_lateness {error}")
        return processor


def path() -> Path:
    """Return where the file is: in the package, or in a checkout's ``config/``."""
    packaged = Path(__file__).with_name(_NAME)
    return packaged if packaged.exists() else Path(__file__).parents[2] / "config" / _NAME


def read(kafka: str, store: Path) -> DemoConfig:
    """Return the settings for a mock cluster at this address and a store in this file.

    Raises:
        ConfigError: the file has been spoilt.
    """
    return load(path(), DemoConfig, {"PRECACHE_DEMO_KAFKA": kafka, "PRECACHE_DEMO_STORE": str(store)})
