"""The admins' web console at ``/admin``: it triggers and shows, as the API does, and nothing else (rule R8)."""
