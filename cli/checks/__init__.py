"""What `estafet doctor` looks at: the machine, the installed packages, and the services around a run."""
