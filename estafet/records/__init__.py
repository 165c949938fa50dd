"""TFRecord: how examples are encoded, written as shards with a manifest, and read back."""
