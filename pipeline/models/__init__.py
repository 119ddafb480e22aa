"""Networks by spec."""
