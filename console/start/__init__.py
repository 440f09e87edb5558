"""`precache start`: ask Nova to cache images, and follow what comes of it.

``plan`` and ``outcome`` are pure: what to refuse before asking, and how each request stands. ``clouds`` asks the clouds
what is there, ``mute`` looks for the reason when nothing began, and ``run`` is the loop.
"""
