"""The trained engine of one picture: train, export, draw."""
