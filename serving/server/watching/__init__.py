"""What can be seen of a server from outside: its metrics and its log."""
