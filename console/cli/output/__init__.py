"""How lists, times, durations and texts are printed, the same for every command."""
