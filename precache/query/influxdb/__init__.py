"""Reads an InfluxDB 2, by InfluxQL over HTTP."""
