"""The sub-commands of `estafet monitor` beside `check`."""
