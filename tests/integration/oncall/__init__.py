"""What somebody on call relies on: runbooks, metrics and dashboard, against a whole stack."""
