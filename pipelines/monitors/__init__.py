"""The monitors on the project's own data: the reference, the page, whom to tell, and streams replayed."""
