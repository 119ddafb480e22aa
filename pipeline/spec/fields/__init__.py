"""Cards of what is a field of the spec and not a strategy; `pipeline.spec.field_cards` says which field each is."""
