"""The grid file: how a person writes a study, and what is wrong with it."""
