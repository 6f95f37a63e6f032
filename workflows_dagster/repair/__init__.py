"""Finds stored days and results that raw readings or settings have made stale, and the runs that recompute them."""
