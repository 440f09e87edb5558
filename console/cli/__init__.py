"""What every command shares: the entry point, configuration files, exit codes."""
