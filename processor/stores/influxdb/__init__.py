"""Rows in an InfluxDB 2 bucket."""
