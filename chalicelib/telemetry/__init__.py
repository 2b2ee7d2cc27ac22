"""What is written down about a request: its log line and its metrics, by Powertools."""
