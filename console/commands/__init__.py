"""The subcommands, a module each; imported only when one is run."""
