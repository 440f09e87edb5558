"""From configuration to a store."""

from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from processor.stores.api import RowStore


def open_store(config: InfluxStoreConfig | SqliteStoreConfig) -> RowStore:
    """Return the store that the configuration names. Nothing is reached yet: ``check()`` does that."""
    if isinstance(config, SqliteStoreConfig):
        from processor.stores.sqlite.store import SqliteStore  # noqa: PLC0415 - one store's client is all that a process loads

        return SqliteStore(config.path)
    from processor.stores.influxdb.client import HttpInfluxClient  # noqa: PLC0415 - the same
    from processor.stores.influxdb.store import REQUESTS_AT_ONCE, InfluxStore  # noqa: PLC0415 - the same

    return InfluxStore(HttpInfluxClient(config, REQUESTS_AT_ONCE), config.batch)
