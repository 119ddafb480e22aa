"""What a study leaves behind, on disk and in MLflow."""
