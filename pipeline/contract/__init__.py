"""What every strategy promises, checked on it: the catalogue's in the tests, a user's own with `ablate check`."""
