"""What computes: latents, rendering, training. Never imports Qt; the window may import only
`engine.messages`, `engine.client` and `engine.project`, which never import torch."""
