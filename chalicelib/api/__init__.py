"""HTTP, as Chalice has it. Nothing outside this package knows of either."""
