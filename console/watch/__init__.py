"""`precache watch`: follow one operation to its end, and say by the exit code how it went.

``follow``, ``lines``, ``exit_codes`` and ``jsonlines`` are pure; ``kafka_feed`` and ``transport_feed`` bring records;
``screens`` show events; ``loop`` runs one of each.
"""
