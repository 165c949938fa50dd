"""The proof: trials from the top and from the rest, trained again on more data, tell if the slice chose rightly."""
