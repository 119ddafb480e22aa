"""The recipes, and the experiment a person writes: a training run plus recipes."""
