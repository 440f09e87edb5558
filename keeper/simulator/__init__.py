"""A model of Nova, of precache's path and of the keeper's life, on virtual time: weeks run in seconds."""
