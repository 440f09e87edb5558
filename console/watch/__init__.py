"""`precache watch`: follow one operation to its end, and say by the exit code how it went; or everything that runs.

``follow``, ``board``, ``pace``, ``lines``, ``exit_codes`` and ``jsonlines`` are pure; ``feeds`` bring records;
``screens`` and ``bars`` show events; ``loop`` and ``every`` run one of each.
"""
