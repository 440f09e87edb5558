"""What the shell and its manuals get from the commands: completion, manual pages, groups that load late."""
