"""The scorecard: what the three papers claim, what the records say of it, and a verdict that no hand has typed."""
