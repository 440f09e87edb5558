"""The commands that ask the store."""
