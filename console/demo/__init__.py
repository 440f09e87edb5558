"""`precache demo`: the whole path on three simulated clouds, in one process, with no server installed.

``console.simulator`` sends what they report in Nova's own wire format; ``compare`` holds the result in the store
against it.
"""
