"""When: windows, what is due, deadlines."""
