"""What the chapters run: one package an experiment, none of which imports another.

Each holds its run, the data and training that are its own, and the tables and plots of its records.
"""
