"""What the data are like, what they must be like, and what becomes of what is wrong with them."""
