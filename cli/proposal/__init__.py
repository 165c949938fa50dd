"""A first run file for data that nobody has described yet: look at them, guess what they are for, write it down."""
