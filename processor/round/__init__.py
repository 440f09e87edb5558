"""One round of the loop: poll, decide, write, commit."""
