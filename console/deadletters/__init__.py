"""`precache deadletters`: what could not be used, and why. ``letters`` is pure, ``find`` reads the topic."""
