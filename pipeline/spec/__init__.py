"""The vocabulary of a study: frozen models that need nothing but pydantic."""
