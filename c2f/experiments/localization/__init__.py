"""Chapters 5 and 6: does the evidence lie on the object?"""
