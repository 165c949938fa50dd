"""Tables for classification and regression: a stream of batches, spooled by content, becomes shards of examples."""
