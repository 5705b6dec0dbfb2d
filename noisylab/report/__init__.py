"""What a study shows: tables, its summary at the end, progress, and one self-contained HTML page."""
