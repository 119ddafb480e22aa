"""Carries out a plan on Ray."""
