"""The log line and the metrics of each request, written with Powertools."""
