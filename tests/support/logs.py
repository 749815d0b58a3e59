"""What the loggers of this process said."""

import logging


class LogRecords(logging.Handler):
    """Keeps every record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        self.records.append(record)

    @property
    def text(self) -> str:
        """Everything said, with arguments and tracebacks."""
        return "\n".join(map(logging.Formatter("%(name)s %(levelname)s %(message)s").format, self.records))

    def of(self, logger: str, level: int = logging.DEBUG) -> list[str]:
        """Return the messages of one logger and those below it."""
        return [
            record.getMessage() for record in self.records if record.name.startswith(logger) and record.levelno >= level
        ]
