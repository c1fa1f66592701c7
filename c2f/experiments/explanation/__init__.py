"""Explain a trained network's answers to pictures of one's own: heat maps, or the windows of glimpses, as files."""
