"""Plans a study, runs it on Ray, and keeps what it leaves behind."""
