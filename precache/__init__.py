"""The common language and plumbing of the bridge, the processor and the console."""

__version__ = "0.10.0.dev0"
