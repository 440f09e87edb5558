"""From configuration to a reader."""

from precache.config.store import InfluxStoreConfig, SqliteStoreConfig
from precache.query.api import Reader


def open_reader(config: InfluxStoreConfig | SqliteStoreConfig) -> Reader:
    """Return what reads the store that the configuration names. Nothing is reached yet."""
    if isinstance(config, SqliteStoreConfig):
        from precache.query.sqlite import SqliteReader  # noqa: PLC0415 - one store's client is all that a process loads

        return SqliteReader(config.path)
    from precache.query.influxdb.reader import InfluxReader  # noqa: PLC0415 - the same

    return InfluxReader(config)
