"""What an operation is and what happens to it. No I/O, no clock: time is an argument, timers are asked for."""
