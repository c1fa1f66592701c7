"""Sweeps: chapters x parameters, and networks x data x seeds x attacks, as jobs that Snakemake carries out.

What a sweep is stands in a file (``c2f.sweep.plan``), from which ``c2f sweep`` makes jobs, each a command of ``c2f``.
How they are carried out stands in ``Snakefile`` and in a profile (``profiles/``) beside this module. A job is done once
its receipt is written (``c2f.sweep.job``), so that a sweep that was killed does not do it again.
"""
