"""One JSON object per line on stdout, for every logger of the process."""

import json
import logging
import logging.config
from datetime import UTC, datetime


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def is_not_a_probe(record: logging.LogRecord) -> bool:
    """Drops successful health checks from the access log: they would be most of it."""
    match record.args:
        case (_, _, str(path), _, int(status)):
            return status >= 400 or not path.startswith("/health")
    return True


def configure(level: str) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": JsonFormatter}},
            "filters": {"no_probes": {"()": lambda: is_not_a_probe}},
            "handlers": {
                "stdout": {
                    "class": "logging.StreamHandler",
                    "stream": "ext://sys.stdout",
                    "formatter": "json",
                }
            },
            "root": {"level": level, "handlers": ["stdout"]},
            "loggers": {"uvicorn.access": {"filters": ["no_probes"]}},
        }
    )
