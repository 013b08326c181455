"""A generator from a folder of pictures."""
