"""Search over fields of a recipe, by asking and telling, on the lanes that train everything else."""
