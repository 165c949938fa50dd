"""What `estafet batch-sizes` does: it finds the data, has every size trained, shows and records what came of it."""
