"""Where a model fails: its statements held against the reference's, by words and by attention."""
