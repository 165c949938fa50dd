"""What `estafet predict` and `estafet load` share: which server is asked, and about which rows."""
