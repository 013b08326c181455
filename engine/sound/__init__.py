"""One sound as a generator: new takes, filled holes, a wider band, less noise."""
