"""One evaluation for any network that classifies pictures: accuracy, cost, attacks, gradients, corruptions, maps.

It takes every classifier of the book and a network of the user's own, and keeps what it finds as a record.
"""
