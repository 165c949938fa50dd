"""What `estafet inspect` finds out about a source or a data set, and how it shows that."""
