"""What a file of readings may be at most; each far above what a house writes."""

from __future__ import annotations

MOST_BYTES = 50_000_000
MOST_UNPACKED_BYTES = 100_000_000
MOST_ROWS = 200_000
MOST_COLUMNS = 200
MOST_LINES = 1_000_000
"""Lines of a text file, blank ones too."""
MOST_CELLS = 2_000_000
LONGEST_CELL = 100
"""Characters of a cell that is looked at; what is longer is cut and is no number, time or meter."""
LONGEST_LINE = 1_000_000
"""Characters of one row of a text file."""
MOST_SECONDS = 5
"""Computing time of the process that reads a file."""
MOST_MEMORY = 224_000_000
"""Private memory of that process. [byte]"""
