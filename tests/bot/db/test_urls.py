"""URLs of databases: their drivers, and passwords that nobody is told."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.db.errors import DatabaseError, describe, explain
from bot.db.urls import normal_url, parse_url, plain_file, sqlite_file, sqlite_url


@pytest.mark.parametrize(
    ("given_url", "driver"),
    [
        ("sqlite:///data/x.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:////var/x.db", "sqlite+aiosqlite"),
        ("postgres://u@h/d", "postgresql+psycopg"),
        ("postgresql://u@h/d?sslmode=require", "postgresql+psycopg"),
        (" postgresql+psycopg://u@h/d\n", "postgresql+psycopg"),
    ],
)
def test_urls_get_their_async_driver(given_url: str, driver: str) -> None:
    url = parse_url(given_url)
    assert url.drivername == driver
    assert url.database == parse_url(str(url)).database


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "mojigan.db",
        "mysql://root:hunter2@h/d",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql+asyncpg://u:hunter2@h/d",
        "postgresql://u:hunter2@h:port/d",
    ],
)
def test_other_urls_are_refused_without_being_quoted(bad: str) -> None:
    with pytest.raises(DatabaseError, match=r"\.$") as caught:
        parse_url(bad)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sign", ["@", "/", "#", "?", ":", "%", "@/", "/@", "#@", "@#/?", "%40@", "/@/", "?@", " @"])
@pytest.mark.parametrize("shape", ["u:{}@h/d", "u:{}@h:5432/d?sslmode=require", ":{}@h/d", "u{}@h/d", "u{}"])
def test_no_part_of_a_password_is_told_wherever_its_signs_stand(sign: str, shape: str) -> None:
    """Behind an @ it would be the host, behind a / the database."""
    for driver in ("postgresql", "postgres", "mysql"):
        address = f"{driver}://" + shape.format(
            f"hunter2{sign}tr0ub4dor" if ":" in shape else f":hunter2{sign}tr0ub4dor"
        )
        try:
            told = describe(parse_url(address))
        except DatabaseError as error:
            told = str(error)
        if shape != "u{}":  # without a host, what stands behind the @ is one
            assert "tr0ub4dor" not in told
        assert "hunter2" not in told


def test_where_the_end_of_a_password_is_open_the_way_to_write_it_is_told() -> None:
    for address in ("postgresql://u:hun@ter@h/d", "postgresql://us/er:hunter@h/d", "postgresql://u:a@b/c@h/d"):
        with pytest.raises(DatabaseError, match="write @ as %40"):
            parse_url(address)
    read = parse_url("postgresql://u:a%40b%2Fc%23d@h/d")
    assert (read.password, read.host, read.database) == ("a@b/c#d", "h", "d")


def test_a_driver_that_quotes_a_password_is_not_passed_on() -> None:
    url = parse_url("postgresql://u:hunter2@h/d")
    assert "hunter2" not in str(explain(url, OSError("invalid value hunter2")))


@given(st.text(max_size=40))
def test_any_text_is_a_url_or_a_sentence(words: str) -> None:
    with suppress(DatabaseError):  # nothing else may come
        parse_url(words)


@given(
    st.sampled_from(["", "sqlite:///", "sqlite+aiosqlite:///", "sqlite:////var/", "postgres://u@h/"]),
    st.text(max_size=40),
)
def test_a_file_is_read_as_sqlalchemy_reads_it(start: str, words: str) -> None:
    """It is read without it."""
    file = plain_file(start + words)
    if file is None:
        with suppress(DatabaseError):
            url = parse_url(start + words)
            assert url.get_backend_name() == "postgresql" or "?" in words
            assert normal_url(start + words) == url.render_as_string(hide_password=False)
    else:
        assert sqlite_file(parse_url(start + words)) == file
        assert sqlite_file(parse_url(normal_url(start + words))) == file


@given(st.text(min_size=1, max_size=40).filter(lambda name: "\0" not in name))
@example(" ")
def test_a_name_of_a_file_is_written_as_sqlalchemy_reads_it(name: str) -> None:
    file = Path("/data") / name
    assert sqlite_file(parse_url(sqlite_url(file))) == file
    assert plain_file(sqlite_url(file)) == file


def test_a_password_is_not_shown() -> None:
    assert describe(parse_url("postgres://mia:hunter2@db.example/mojigan")) == "postgresql://mia:***@db.example/mojigan"
