"""Several models in place of one, and one in place of several: who the members are, their mean, and their students."""
