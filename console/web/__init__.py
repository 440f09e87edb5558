"""`precache web`: pages that show all clouds, from the store and from the topics. Read only."""
