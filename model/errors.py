"""The one root of every error that a user can cause and mend."""


class RadAssistError(Exception):
    """Base of the project's own errors."""


class BadInput(RadAssistError):
    """An input that breaks a rule. Its text is one line: the value, the rule, the way out.

    >>> str(BadInput("size 0", "an image side is 32 to 4096 px", "set pixels.size in params.yaml"))
    'size 0: an image side is 32 to 4096 px; set pixels.size in params.yaml'
    """

    def __init__(self, value: str, rule: str, way_out: str) -> None:
        super().__init__(f"{value}: {rule}; {way_out}")
        self.value, self.rule, self.way_out = value, rule, way_out
