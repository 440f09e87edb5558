"""What tests share: real notifications, clients of the real servers, and `precache` as a process of its own."""
