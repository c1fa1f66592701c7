"""Chapters 10 and 11: networks of glimpses trained, and attacked by projected gradient descent."""
