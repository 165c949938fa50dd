"""Where a released model goes: one module for each kind of place."""
