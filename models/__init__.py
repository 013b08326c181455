"""The networks and their files. Imports nothing of engine or app."""
