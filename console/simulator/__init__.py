"""Simulated clouds: what their hosts report, when, in Nova's own wire format; and the APIs that clients ask.

`precache demo` has them in its own process; `precache simulate` publishes to a real RabbitMQ.
"""
