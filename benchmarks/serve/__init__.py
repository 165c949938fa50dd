"""What the serving benchmarks share: a load that costs little, a small model, and the servers."""
