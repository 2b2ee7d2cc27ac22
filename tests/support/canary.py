"""A text that tests put where secrets are: it may come out nowhere."""

CANARY = "canary-7f3a"
