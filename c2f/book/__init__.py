"""What makes the book: chapters and their parameters, execution, build, check, and what this machine can do.

Knows no network, and needs torch only in what it executes.
"""
