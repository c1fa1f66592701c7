"""Chapters 9 and 10: networks of glimpses trained, and attacked by projected gradient descent."""
