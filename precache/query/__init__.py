"""The reading side of the store: operations, hosts, residency, boots and bridges, the same from InfluxDB and SQLite."""
