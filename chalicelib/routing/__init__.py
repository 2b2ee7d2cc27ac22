"""Which model a path means and where it lives: the table, its targets, and where it comes from."""
