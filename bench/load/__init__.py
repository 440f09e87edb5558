"""What is put before the programs that are measured: real notifications, many of them, each with ids of its own."""
