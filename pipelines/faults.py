"""What stops a command that was asked for the right thing."""


class Fault(Exception):
    """Something that had to work did not. The program says so in this text's words, and ends with exit code 1."""
