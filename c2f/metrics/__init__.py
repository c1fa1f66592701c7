"""Measures of predictions, attacks and maps, and the statistics over pictures and seeds; they know no record."""
