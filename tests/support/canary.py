"""A text that stands for secrets: no log, metric or refusal may contain it."""

CANARY = "canary-7f3a"
