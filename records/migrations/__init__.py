"""The schema's steps, applied whenever the records are opened. A step that was released is never edited."""
