"""Benchmarks, each with what was found written where the thing is explained."""
