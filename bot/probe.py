"""Asks a running bot whether it is ready, for a container's health check: python -m bot.probe

Loads nothing but the standard library, as it is started every half minute. Exit code 1 when the bot is not ready.
"""

from __future__ import annotations

import json
import os
import sys
from http.client import HTTPConnection, HTTPException

PATIENCE = 5.0
"""Seconds that the bot has to answer."""


def ask(host: str, port: int) -> list[str] | None:
    """What is not ready, one sentence each; None when nobody listens there.

    Raises ValueError when something else than a bot answers, TimeoutError when nothing comes.
    """
    connection = HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/readyz")
        answer = json.load(connection.getresponse())
        return [str(sentence) for sentence in answer["not_ready"].values()]
    except ConnectionRefusedError:
        return None
    except (HTTPException, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{host}:{port} does not answer as Mojigan does.") from error
    finally:
        connection.close()


def main() -> int:
    """Ask, print what is not ready, and return the exit code."""
    host, port = os.environ.get("MOJIGAN_HEALTH_HOST") or "127.0.0.1", os.environ.get("MOJIGAN_HEALTH_PORT")
    if not port or not port.isdecimal():
        problems: list[str] | None = ["MOJIGAN_HEALTH_PORT is not set: there is nothing to ask."]
    else:
        try:
            problems = ask(local(host), int(port))
        except (OSError, ValueError) as error:
            problems = [str(error)]
    for sentence in ["Nothing listens there."] if problems is None else problems:
        print(sentence, file=sys.stderr)  # noqa: T201 - a door
    return 0 if problems == [] else 1


def local(host: str) -> str:
    """The address at which this machine reaches what listens on all of them."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - asked, not opened


if __name__ == "__main__":
    sys.exit(main())
