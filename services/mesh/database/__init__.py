"""Tables of services that keep relations rather than a journal, in SQLite or PostgreSQL."""
