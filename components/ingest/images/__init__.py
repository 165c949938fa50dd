"""Images of folders, listed in a CSV file or in `.npz` files: listed, checked, divided and written."""
