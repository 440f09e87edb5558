"""What is to be asked, and when: pure. No I/O, no clock, no client; time is an argument, in seconds since the epoch."""
