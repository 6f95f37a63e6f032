"""Limits of files of readings, each far above the needs of a house."""

from __future__ import annotations

MOST_BYTES = 50_000_000
MOST_UNPACKED_BYTES = 100_000_000
MOST_ROWS = 200_000
MOST_COLUMNS = 200
MOST_LINES = 1_000_000
"""Lines of a text file, including blank ones."""
MOST_CELLS = 2_000_000
LONGEST_CELL = 100
"""Characters of a cell; longer cells are cut, and are no number, time or meter."""
LONGEST_LINE = 1_000_000
"""Characters of one row of a text file."""
MOST_SECONDS = 5
"""CPU time of the process that reads a file. [s]"""
MOST_MEMORY = 224_000_000
"""Private memory of that process. [byte]"""
