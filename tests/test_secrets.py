"""Secrets are read where the configuration says, and shown nowhere."""

import os
from pathlib import Path

import pytest

from bridge.config import Secret
from bridge.errors import ConfigError
from bridge.logs import redacted
from bridge.secrets import SecretSource, read_secret

VALUE = "eyJ-very-secret"


def source(path: Path) -> SecretSource:
    return SecretSource(Secret(file=Path(path.name)), base=path.parent, environ={})


def write(path: Path, text: str, second: int) -> None:
    """Write with a modification time of its own, so that no test depends on the clock's grain."""
    path.write_text(text)
    os.utime(path, (second, second))


def test_a_variable_is_read() -> None:
    """{env: NAME} is the environment's value as it is."""
    assert read_secret(Secret(env="KEY"), base=Path(), environ={"KEY": VALUE + "\n"}) == VALUE + "\n"


def test_a_file_is_read_relative_to_the_config_without_its_line_end(tmp_path: Path) -> None:
    """Editors and ``echo`` end a file with a newline that is no part of the key."""
    (tmp_path / "key").write_bytes(VALUE.encode() + b"\r\n")
    assert read_secret(Secret(file=Path("key")), base=tmp_path, environ={}) == VALUE


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff", "UTF-8"),
        (b"x" * 70_000, "larger"),
    ],
)
def test_an_unusable_file_is_a_config_error_with_a_remedy(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    """The operator is told which file and what to do."""
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigError, match=problem) as caught:
        read_secret(Secret(file=Path("key")), base=tmp_path, environ={})
    assert str(tmp_path / "key") in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}])
def test_an_unset_or_empty_variable_is_a_config_error(environ: dict[str, str]) -> None:
    """An empty write key would be a 401 an hour later."""
    with pytest.raises(ConfigError, match="environment variable KEY"):
        read_secret(Secret(env="KEY"), base=Path(), environ=environ)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """A rotated key is used without a restart."""
    path = tmp_path / "key"
    write(path, "one", 1)
    secret = source(path)
    assert secret.value() == "one"
    write(path, "two", 2)
    assert secret.value() == "two"


def test_a_swapped_symlink_is_a_change(tmp_path: Path) -> None:
    """Kubernetes swaps a directory link; sizes and times may be equal."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "key", f"key-{name}", 5)
    (tmp_path / "data").symlink_to("a")
    secret = SecretSource(Secret(file=Path("data/key")), base=tmp_path, environ={})
    assert secret.value() == "key-a"
    (tmp_path / "next").symlink_to("b")
    (tmp_path / "next").replace(tmp_path / "data")
    assert secret.value() == "key-b"


def test_reload_tells_whether_the_value_changed(tmp_path: Path) -> None:
    """After a 401 a new key is worth a new try; the same key is not."""
    path = tmp_path / "key"
    write(path, "one", 1)
    secret = source(path)
    assert secret.reload() is True
    assert secret.reload() is False
    write(path, "two", 1)
    assert secret.reload() is True
    assert secret.value() == "two"


def test_the_last_good_value_survives_a_file_that_is_gone(tmp_path: Path) -> None:
    """A volume that flickers does not stop delivery."""
    path = tmp_path / "key"
    write(path, "one", 1)
    secret = source(path)
    assert secret.value() == "one"
    path.unlink()
    assert secret.value() == "one"
    assert secret.reload() is False


def test_a_secret_that_was_never_there_is_an_error(tmp_path: Path) -> None:
    """Nothing is sent with an empty key."""
    with pytest.raises(ConfigError):
        source(tmp_path / "none").value()


def test_nothing_prints_the_value(tmp_path: Path) -> None:
    """Neither the source nor its place shows what it holds."""
    secret = SecretSource(Secret(env="KEY"), base=tmp_path, environ={"KEY": VALUE})
    assert secret.value() == VALUE
    assert VALUE not in f"{secret!r} {secret} {Secret(env='KEY')!r}"


def test_a_value_read_is_unknown_to_the_log() -> None:
    """Whoever logs it by mistake logs nothing."""
    read_secret(Secret(env="KEY"), base=Path(), environ={"KEY": "Zx9-once-only"})
    assert redacted("key=Zx9-once-only") == "key=[redacted]"
