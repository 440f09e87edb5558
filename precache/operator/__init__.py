"""The operator's file, `precache.yaml`: where the commands of an operator find Kafka, the store and the clouds."""

from precache.operator.config import OperatorConfig, StoreSettings
from precache.operator.search import NoFileError, find, load_store_settings, require

__all__ = ["NoFileError", "OperatorConfig", "StoreSettings", "find", "load_store_settings", "require"]
