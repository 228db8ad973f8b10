"""The project's own records: what was decided, signed and done, in a database that only grows."""
