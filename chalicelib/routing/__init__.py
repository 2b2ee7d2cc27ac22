"""The routing table: which model a path names, the model's target, and the table's source."""
