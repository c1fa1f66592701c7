"""Chapters 3 and 4: attacks on trained networks, verified, recorded, shown; and which scale is fragile."""
