"""Benchmarks: pairs measured in one run, printed as ratios. Never part of the tests: a busy machine would fail them."""
