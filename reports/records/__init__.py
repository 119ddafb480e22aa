"""Read a study back: from its home, or from MLflow alone."""
