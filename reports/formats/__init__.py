"""The same findings for a terminal, for papers and for other programs."""
