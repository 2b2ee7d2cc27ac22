"""What the gateway costs, beside what people would write instead: `make bench`. Never shipped."""
