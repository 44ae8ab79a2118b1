"""The operator's side of PostgreSQL: its queries beside their only user."""
