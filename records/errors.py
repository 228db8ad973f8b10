"""What a user of the records can cause and mend."""


class RecordsError(Exception):
    """An input that breaks a rule of the records. Its text is one line: the value, the rule, the way out."""

    def __init__(self, value: str, rule: str, way_out: str) -> None:
        super().__init__(f"{value}: {rule}; {way_out}")
