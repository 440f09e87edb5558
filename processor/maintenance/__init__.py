"""What is run by hand, with the processors stopped."""
