"""Chapter 2: networks trained to classify."""
