"""Runs trials until the budget ends: in this process, in several on this machine, or in pods of a cluster."""
