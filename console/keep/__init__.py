"""What `precache keep` shows: a plan, and how declared images stand."""
