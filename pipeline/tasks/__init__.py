"""What a stage optimises."""
