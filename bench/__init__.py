"""How fast, how lean, and against what: `python -m bench` (which is what `make bench` calls).

Everything is measured side by side in one run on one machine, A B A B, since absolute figures of a shared machine are
not stable; each figure is a median, each comparison a ratio. Every run checks what came out: a fast wrong answer fails.
"""
