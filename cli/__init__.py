"""The `estafet` command: one module for each group of commands, loaded when it is called."""
