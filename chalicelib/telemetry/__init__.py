"""The log line and the metrics of each request, written with Powertools."""

TABLE_DIGITS = 12
"""How many digits of a table's digest the log, `GET /health` and the commands show."""
