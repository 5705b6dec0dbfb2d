"""Figures: axes-level functions (`ax` in, `ax` out), figure-level ones that compose them, and one style."""
