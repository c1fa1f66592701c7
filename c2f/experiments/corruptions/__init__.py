"""Chapter 11: trained networks on corrupted pictures."""
