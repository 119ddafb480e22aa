"""What the commands of `ablate` print and answer."""
