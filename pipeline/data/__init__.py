"""From image files to one rank's stream of batches."""
