"""Where points and records are kept: InfluxDB, or SQLite without a server."""
