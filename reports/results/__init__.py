"""What an analysis found, as typed values."""
