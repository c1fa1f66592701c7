"""Chapter 10: trained networks on corrupted pictures."""
