"""Figures as inline SVG that follows the colours and the width of the page."""
