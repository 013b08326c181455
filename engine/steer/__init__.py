"""Latents, directions and the request that turns them into a picture."""
