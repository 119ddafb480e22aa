"""Train image classifiers on Ray: spec, data, models, strategies and the one training loop."""
