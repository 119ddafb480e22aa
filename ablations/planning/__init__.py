"""From a grid to the fewest training runs that answer it."""
