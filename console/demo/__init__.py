"""`precache demo`: the whole path on three simulated clouds, in one process, with no server installed.

``clouds`` says what happens there, ``nova`` sends it in Nova's own wire format, ``compare`` holds the result in the
store against it.
"""
