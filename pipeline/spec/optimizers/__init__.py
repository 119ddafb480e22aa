"""Typed optimizers, each with its card; `pipeline.spec.optim` closes the union."""
