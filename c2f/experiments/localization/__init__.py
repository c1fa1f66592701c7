"""Chapters 5, 6 and 7: does the evidence lie on the object?"""
