"""Several models of one step: an ensemble's members, a teacher, and the students that learn from it."""
