"""The operator's command: the top of the house."""
