"""Raw data to sharded TFRecord, with a manifest."""
