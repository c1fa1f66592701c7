"""Chapters 5, 6 and 11: does the evidence lie on the object?"""
