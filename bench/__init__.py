"""Benchmarks: ratios within one run, printed as tables. `make bench` runs them all."""
