"""The environment and `.env`, read into one typed object. `.env.example` explains each variable."""

from __future__ import annotations

import difflib
import os
import reprlib
import shlex
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

import generator
from bot.db.errors import DatabaseError
from bot.db.urls import normal_url, sqlite_url

PREFIX = "MOJIGAN_"
TOKEN_VARIABLE = "DISCORD_TOKEN"  # noqa: S105 - the name of the variable, not its value
ENV_FILE = Path(".env")
DEFAULT_BUNDLE = Path(generator.__file__).parent / "default"

_SNOWFLAKE_LIMIT = 2**63
_LAST_PORT = 65535


class SettingsError(Exception):
    """Settings that cannot be used: one sentence per problem, each naming its variable."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _expand(value: object) -> object:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("no file or folder has a name with a zero byte in it")
    try:
        return Path(value.strip()).expanduser() if isinstance(value, str) else value
    except RuntimeError as error:
        raise ValueError(f"there is no such user as in {reprlib.repr(value)}") from error


def _ids(value: object) -> object:
    """Ids that are separated by commas or spaces."""
    if not isinstance(value, str):
        return value
    ids = value.replace(",", " ").split()
    if not all(each.isascii() and each.isdecimal() and 0 < int(each) < _SNOWFLAKE_LIMIT for each in ids):
        raise ValueError(f"{reprlib.repr(value)} are not ids of servers, each a whole number of about 19 digits")
    return frozenset(map(int, ids))


def _words(value: object) -> object:
    """Options as on a command line."""
    try:
        return tuple(shlex.split(value)) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"{reprlib.repr(value)} cannot be read as on a command line ({error})") from error


Folder = Annotated[Path, BeforeValidator(_expand)]


class Settings(BaseSettings):
    """What the host of the bot can choose. `load_settings` reads it; without a file or variables all has a default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",  # .env may serve other programs too; our own misspelled names are found by `load_settings`
        frozen=True,
        hide_input_in_errors=True,
        validate_by_name=True,
    )

    token: SecretStr | None = Field(default=None, validation_alias=TOKEN_VARIABLE)
    """The application's bot token. None: only the preview can run."""
    data: Folder = Path("data")
    """Folder for what the bot keeps: the database and the copies of its models."""
    database_url: str = Field(default="", validate_default=True, repr=False)  # it may hold a password
    """SQLAlchemy URL with its async driver; by default the file mojigan.db in the data folder."""
    bundle: Folder = DEFAULT_BUNDLE
    """The bundle to draw from."""
    device: Annotated[Literal["auto", "cpu", "cuda", "mps"], BeforeValidator(_lower)] = "auto"
    """Where the network runs; "auto" is CUDA where there is one, else the CPU; "mps" is Apple's GPU."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lower)] = "text"
    """Lines for people, or a JSON object per line."""
    source_url: str | None = Field(default=None, pattern=r"^https?://[^\s<>()]+$", max_length=300)
    """Where the source code that runs here can be read; /about links to it."""
    quota: int | None = Field(default=None, gt=0, lt=2**31)
    """Icons that a person can draw per hour, in all servers and direct messages together; None: no limit."""
    candidates: int = Field(default=8, ge=1, le=64)
    """Icons that are drawn for a fresh one to be chosen from; 1: nobody chooses."""
    health_port: int | None = Field(default=None, ge=1, le=_LAST_PORT)
    """Where `/livez`, `/readyz` and `/metrics` are served; None: nowhere."""
    health_host: str = "127.0.0.1"
    """The address that the port is opened on."""
    development_guild: int | None = Field(default=None, gt=0, lt=_SNOWFLAKE_LIMIT)
    """A server in which changed commands appear at once, instead of everywhere."""
    retrain_guilds: Annotated[frozenset[int], NoDecode, BeforeValidator(_ids)] = frozenset()
    """Servers whose administrators may retrain the model, beside the application's owner and team."""
    train_options: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = ()
    """Options of `python -m train fit` for every retraining."""
    models_limit: float = Field(default=5.0, gt=0)
    """GiB that the kept models may take; the serving one and what rollback needs stay in any case."""

    @field_validator("token")
    @classmethod
    def _check_token(cls, token: SecretStr | None) -> SecretStr | None:
        value = token.get_secret_value().strip() if token else ""
        if not value:
            return None
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError("the token holds characters that no token has; copy it again")
        return SecretStr(value)

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, url: str, info: ValidationInfo) -> str:
        # Without a URL the database lies in the data folder, wherever that is.
        if not url:
            return sqlite_url(info.data.get("data", Path("data")) / "mojigan.db")
        try:
            return normal_url(url)
        except DatabaseError as error:
            raise ValueError(str(error)) from error


def load_settings(env_file: Path | None = ENV_FILE) -> Settings:
    """Read the settings from the environment and from `env_file`; the environment counts more.

    Raises SettingsError, which never quotes a secret.
    """
    try:
        strangers = _find_strangers(env_file)
        if strangers:
            raise SettingsError(strangers)
        return Settings(_env_file=env_file)  # type: ignore[call-arg]  # pydantic-settings adds it
    except ValidationError as error:
        raise SettingsError([_sentence(problem) for problem in error.errors(include_input=True)]) from None
    except UnicodeDecodeError as error:
        raise SettingsError([f"{env_file}: this is not a UTF-8 text file."]) from error
    except OSError as error:
        raise SettingsError([f"{env_file}: cannot be read ({error.strerror})."]) from error


def variable_of(field: str) -> str:
    """The environment variable of a field of Settings."""
    return TOKEN_VARIABLE if field == "token" else PREFIX + field.upper()


def _find_strangers(env_file: Path | None) -> list[str]:
    """A sentence for each variable with our prefix that is none of ours: misspelled, it would do nothing."""
    names = [variable_of(field) for field in Settings.model_fields]
    from_file = dotenv_values(env_file, encoding="utf-8") if env_file and env_file.is_file() else {}
    given = {name.upper() for name in (*os.environ, *from_file)}
    sentences = []
    for name in sorted(given - set(names)):
        if name.startswith(PREFIX):
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"perhaps {near[0]} is meant." if near else f"there are {', '.join(names)}."
            sentences.append(f"{name}: there is no such setting; {hint}")
    return sentences


def _sentence(problem: ErrorDetails) -> str:
    field = str(problem["loc"][0]) if problem["loc"] else ""
    name = field if field == TOKEN_VARIABLE else variable_of(field)
    given = reprlib.repr(problem["input"])
    match problem["type"], problem.get("ctx", {}):
        case "value_error", {"error": error}:
            reason = str(error).rstrip(".")
        case "literal_error", {"expected": expected}:
            reason = f"{given} is none of {str(expected).replace(' or ', ', ')}"
        case (("int_parsing" | "int_type" | "greater_than_equal" | "less_than_equal"), _) if field == "health_port":
            reason = f"{given} is not a port, a number from 1 to {_LAST_PORT}"
        case (("float_parsing" | "greater_than"), _) if field == "models_limit":
            reason = f"{given} is not a number of GiB above 0"
        case (("int_parsing" | "int_type" | "greater_than" | "less_than" | "int_parsing_size"), _) if field == "quota":
            reason = f"{given} is not a number of icons, 1 or more; left empty, there is no limit"
        case (("int_parsing" | "int_type" | "greater_than" | "less_than" | "int_parsing_size"), _):
            reason = f"{given} is not the id of a server, a whole number of about 19 digits"
        case _ if field == "source_url":
            reason = f"{given} is no address of a web page, such as https://example.org/mojigan"
        case _:
            reason = problem["msg"]
    return f"{name}: {reason}."
