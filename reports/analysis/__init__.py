"""From records to findings: estimates, verdicts, costs, and what did not go as planned."""
