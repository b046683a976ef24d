"""A configuration is judged as a whole: every problem with its place, no value repeated."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import Field

from bridge import consumers
from bridge.config import Config, Secret, SourceSettings
from bridge.config_file import dead_letter_conflict, load_config, rule_files, secrets_of
from bridge.errors import ConfigError, ConfigErrors

CONFIG = Path(__file__).parent.parent / "config" / "bridge.yaml"

GOOD = """\
sources:
  - name: shop
    type: kafka
    brokers: "localhost:9092"
    topics: [orders]
destinations:
  default: {url: "https://event.filum.ai/events", write_key: {env: KEY}}
dead_letters: {type: kafka, topic: letters}
rules: [rules/*.yaml]
"""


class KafkaLike(SourceSettings):
    """Settings like those of the Kafka consumer, so that this file needs no broker client."""

    brokers: str
    topics: tuple[str, ...] = ()
    partitions: int = 1
    retries: dict[str, int] = Field(default_factory=dict)
    ca: Path | None = None
    password: Secret | str | None = None

    def stream_names(self) -> tuple[str, ...]:
        return self.topics


class RabbitLike(SourceSettings):
    """The same for RabbitMQ."""

    url: Secret | str


def settings_of(kind: str) -> type[SourceSettings]:
    kinds: dict[str, type[SourceSettings]] = {"kafka": KafkaLike, "rabbitmq": RabbitLike}
    if kind not in kinds:
        raise ConfigError("unknown source type", hint="one of kafka, rabbitmq")
    return kinds[kind]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "b.yaml").write_text("")
    (tmp_path / "rules" / "a.yaml").write_text("")
    (tmp_path / "rules" / "a.cases.yaml").write_text("")
    return tmp_path


def load(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    path = folder / "bridge.yaml"
    path.write_text(text)
    return load_config(path, environ=environ or {}, source_settings=settings_of)


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> tuple[ConfigError, ...]:
    with pytest.raises(ConfigErrors) as caught:
        load(folder, text, environ)
    assert all(error.line and error.path.endswith("bridge.yaml") for error in caught.value.errors)
    return caught.value.errors


def only(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> ConfigError:
    errors = problems(folder, text, environ)
    assert len(errors) == 1, [str(error) for error in errors]
    return errors[0]


def place_of(text: str, needle: str) -> tuple[int, int]:
    before = text[: text.index(needle)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_a_good_configuration_loads_with_its_defaults(folder: Path) -> None:
    """Sections that are left out have their defaults; sources have their own type."""
    config = load(folder, GOOD)
    assert isinstance(config.sources[0], KafkaLike)
    assert config.base == folder
    assert config.admin.port == 9464


def test_the_shipped_configuration_loads_as_it_is() -> None:
    """``config/bridge.yaml`` needs no variable to be judged."""
    config = load_config(CONFIG, environ={}, source_settings=lambda kind: consumers.load(kind).Settings)
    assert [source.name for source in config.sources] == ["shop", "support"]
    assert config.admin.port == 9464
    assert rule_files(config)


def test_a_missing_file_is_one_line_with_a_remedy(tmp_path: Path) -> None:
    """The most usual first mistake."""
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "no.yaml", environ={}, source_settings=settings_of)
    assert "no such configuration file" in str(caught.value)
    assert "--config" in caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "just text"])
def test_a_file_that_is_no_mapping_says_what_it_should_be(folder: Path, text: str) -> None:
    """An empty file is a problem with a place, not a crash."""
    assert "must be a mapping" in only(folder, text).problem


# References


def test_references_are_resolved_in_scalars_only(folder: Path) -> None:
    """A value cannot become structure, and a reference inside text stays text."""
    text = GOOD.replace('"localhost:9092"', '"${HOST}:9092"') + "admin: {port: '${PORT:-9000}'}\n"
    config = load(folder, text, {"HOST": "a, b: [c]"})
    assert getattr(config.sources[0], "brokers", None) == "a, b: [c]:9092"
    assert config.admin.port == 9000


def test_a_whole_plain_reference_becomes_a_number_a_quoted_one_stays_text(folder: Path) -> None:
    """As if the value had been written there."""
    text = GOOD.replace("topics: [orders]", "partitions: ${T}\n    topics: ['${T}']")
    source = load(folder, text, {"T": "7"}).sources[0]
    assert source.stream_names() == ("7",)
    assert getattr(source, "partitions", None) == 7


@pytest.mark.parametrize(
    ("environ", "brokers"), [({}, "d:1"), ({"B": ""}, "d:1"), ({"B": "x:2"}, "x:2"), ({"B": "${C}"}, "${C}")]
)
def test_a_default_serves_an_unset_or_empty_variable(
    folder: Path, environ: dict[str, str], brokers: str
) -> None:
    """As in a shell; what a variable holds is not read again."""
    config = load(folder, GOOD.replace('"localhost:9092"', '"${B:-d:1}"'), environ)
    assert getattr(config.sources[0], "brokers", None) == brokers


def test_a_doubled_dollar_keeps_the_braces(folder: Path) -> None:
    """The way to write a literal reference."""
    config = load(folder, GOOD.replace('"localhost:9092"', '"$${B}"'))
    assert getattr(config.sources[0], "brokers", None) == "${B}"


def test_an_unset_variable_is_an_error_at_its_own_column(folder: Path) -> None:
    """The place is that of the reference inside the scalar; nothing else is said of that value."""
    text = GOOD.replace("[orders]", "[orders]\n    partitions: ${COUNT}").replace(
        '"localhost:9092"', '"a:1,${HOST}:2"'
    )
    first, second = problems(folder, text)
    assert (first.line, first.column) == place_of(text, "${HOST}")
    assert "HOST is not set" in first.problem
    assert first.where == "sources[0].brokers"
    assert (second.line, second.column) == place_of(text, "${COUNT}")


@pytest.mark.parametrize("reference", ["${", "${1A}", "${A-b}", "${A:-b"])
def test_a_malformed_reference_is_an_error(folder: Path, reference: str) -> None:
    """Never taken as text by accident."""
    error = only(folder, GOOD.replace('"localhost:9092"', f"'{reference}'"), {"A": "x"})
    assert error.problem == "not a reference"


# Keys and values


def test_all_problems_are_told_at_once_in_the_order_of_the_file(folder: Path) -> None:
    """One run of ``check`` shows everything there is to repair."""
    text = GOOD.replace("brokers", "broker").replace("{env: KEY}", "plain") + "admn: {}\nlog: {level: loud}\n"
    errors = problems(folder, text)
    assert [error.where for error in errors] == [
        "sources[0].brokers",
        "sources[0].broker",
        "destinations.default.write_key",
        "admn",
        "log.level",
    ]
    assert [error.line for error in errors] == sorted(error.line for error in errors)


@pytest.mark.parametrize(
    ("old", "new", "where", "hint"),
    [
        ("topics:", "topisc:", "sources[0].topisc", "did you mean `topics`?"),
        (
            "write_key: {env: KEY}",
            "write_key: {env: KEY}, retry: {max_atempts: 3}",
            "destinations.default.retry.max_atempts",
            "did you mean `max_attempts`?",
        ),
        ("rules:", "base: x\nrules:", "base", ""),
        ("{env: KEY}", "{env: KEY, fil: x}", "destinations.default.write_key.fil", "did you mean `file`?"),
    ],
)
def test_an_unknown_key_is_shown_with_its_nearest_name(
    folder: Path, old: str, new: str, where: str, hint: str
) -> None:
    """A typo costs seconds; the place is that of the key."""
    text = GOOD.replace(old, new)
    error = only(folder, text)
    assert (error.problem, error.where, error.hint) == ("unknown key", where, hint)
    key = where.rsplit(".", 1)[-1] + ":"
    assert (error.line, error.column) == place_of(text, key)


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ("topics: [orders]", "topics: orders", "sources[0].topics", "must be a list"),
        ("[orders]", "[1]", "sources[0].topics[0]", "must be text"),
        ("[orders]", "[orders]\n    partitions: many", "sources[0].partitions", "must be a whole number"),
        ("[orders]", "[orders]\n    retries: {a: b}", "sources[0].retries.a", "must be a whole number"),
        ("[orders]", "[orders]\n    decode: avr", "sources[0].decode", "must be `json`, `text`, `avro`"),
        (
            "[orders]",
            "[orders]\n    password: 5",
            "sources[0].password",
            "{env: NAME} or {file: PATH} or text",
        ),
        ("[orders]", "[orders]\n    password: {}", "sources[0].password", "a secret is {env: NAME}"),
        ("[orders]", "[orders]\n    password: {env: 1}", "sources[0].password.env", "must be text"),
        ("name: shop", "name: a b", "sources[0].name", "must match"),
        ("{env: KEY}", "abc", "destinations.default.write_key", "{env: NAME} or {file: PATH}"),
        ("rules: [rules/*.yaml]", "rules: []", "rules", "at least 1"),
        ("rules: [rules/*.yaml]", "rules: rules/*.yaml", "rules", "must be a list"),
        ("rules: [rules/*.yaml]", "rules: [rules/*.yaml, none/*.yaml]", "rules[1]", "matches no rule file"),
        ("rules: [rules/*.yaml]", "rules: [rules/*.cases.yaml]", "rules[0]", "matches no rule file"),
        ("rules: [rules/*.yaml]\n", "", "rules", "required"),
        ("dead_letters: {type: kafka, topic: letters}\n", "", "dead_letters", "required"),
        ("topic: letters", "queue: letters", "dead_letters", "need `topic`"),
        ("type: kafka\n    brokers", "type: kafak\n    brokers", "sources[0].type", "unknown source type"),
        ("type: kafka\n    brokers", "brokers", "sources[0].type", "needs a `type`"),
        ("https://event", "ftp://event", "destinations.default.url", "must match"),
    ],
)
def test_a_wrong_value_is_described_in_plain_words(
    folder: Path, old: str, new: str, where: str, words: str
) -> None:
    """No vocabulary of the validation library."""
    error = only(folder, GOOD.replace(old, new, 1))
    assert error.where == where
    assert words in error.problem


def test_no_source_is_an_error(folder: Path) -> None:
    """A bridge that reads nothing is a mistake."""
    rest = GOOD[GOOD.index("destinations:") :].replace("kafka, topic", "file, path")
    assert "at least 1" in only(folder, "sources: []\n" + rest).problem
    assert only(folder, rest).where == "sources"


def test_two_sources_of_one_name_are_an_error_at_the_second(folder: Path) -> None:
    """Names are labels: two of one name would hide each other."""
    source = GOOD[GOOD.index("  - name") : GOOD.index("destinations:")]
    text = GOOD.replace(source, source * 2).replace("type: kafka, topic", "type: file, path")
    error = only(folder, text)
    assert (error.line, error.where) == (6, "sources[1].name")


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("https://event", "https://me:hunter22@event"),
        GOOD.replace('"localhost:9092"', '"amqp://hunter22@host"'),
        GOOD.replace('"localhost:9092"', "'${URL}'"),
    ],
)
def test_user_info_in_a_url_is_refused_and_not_echoed(folder: Path, text: str) -> None:
    """A password in a config file ends in logs and repositories."""
    errors = problems(folder, text, {"URL": "amqp://me:hunter22@host/vhost"})
    assert any("user name or password" in error.problem for error in errors)
    assert not any("hunter22" in str(error) for error in errors)


def test_a_plain_write_key_is_refused_and_not_echoed(folder: Path) -> None:
    """Also when it came from the environment."""
    errors = problems(folder, GOOD.replace("{env: KEY}", "'${KEY}'"), {"KEY": "eyJ0eXAi"})
    assert "eyJ0eXAi" not in str([str(error) for error in errors])


def test_a_value_of_the_environment_is_left_out_of_messages(folder: Path) -> None:
    """Even a plug-in's own validator cannot leak what a variable holds."""

    class Leaky(SourceSettings):
        def model_post_init(self, context: object, /) -> None:
            raise ValueError(f"bad {self.decode} of {self.name}")

    (folder / "bridge.yaml").write_text(
        GOOD.replace("name: shop", "name: ${N}").replace(
            '    brokers: "localhost:9092"\n    topics: [orders]\n', ""
        )
    )
    with pytest.raises(ConfigErrors) as caught:
        load_config(folder / "bridge.yaml", environ={"N": "topsecret"}, source_settings=lambda _: Leaky)
    assert "of ${N}" in str(caught.value)
    assert "topsecret" not in str(caught.value)


# Dead letters


@pytest.mark.parametrize(
    ("letters", "where", "words"),
    [
        ("{type: kafka, topic: orders}", "sources[0]", "reads the dead letters' own topic"),
        ("{type: kafka, topic: orders, source: shop}", "sources[0]", "own topic"),
        ("{type: kafka, topic: orders, brokers: 'x:1,LOCALHOST:9092'}", "sources[0]", "own topic"),
        ("{type: kafka, topic: x, source: shpo}", "dead_letters.source", "no kafka source of this name"),
        ("{type: rabbitmq, queue: x}", "dead_letters", "no source of type rabbitmq"),
        ("{type: rabbitmq, queue: x, url: 'http://r'}", "dead_letters", "text such as amqp://"),
        ("{type: rabbitmq, queue: x, url: 'amqp://r', tls: {}}", "dead_letters", "begin with amqps://"),
        ("{type: rabbitmq, queue: x, source: r, tls: {}}", "dead_letters", "would not be used"),
    ],
)
def test_a_dead_letter_target_that_cannot_be_is_refused(
    folder: Path, letters: str, where: str, words: str
) -> None:
    """No loop, no unknown connection."""
    error = only(folder, GOOD.replace("{type: kafka, topic: letters}", letters))
    assert error.where == where
    assert words in error.problem


@pytest.mark.parametrize(
    "letters",
    [
        "{type: kafka, topic: orders, brokers: 'elsewhere:9092'}",
        "{type: rabbitmq, queue: orders, url: {env: AMQP}}",
        "{type: rabbitmq, queue: orders, url: 'amqps://r', tls: {ca: ca.pem, cert: c.pem, key: c.key}}",
        "{type: file, path: letters.jsonl}",
    ],
)
def test_a_dead_letter_target_elsewhere_is_fine(folder: Path, letters: str) -> None:
    """A topic of the same name on another cluster is another topic."""
    load(folder, GOOD.replace("{type: kafka, topic: letters}", letters))


def test_names_that_come_from_rules_can_be_judged_later(folder: Path) -> None:
    """A source without topics reads those of the rules, known only after compiling them."""
    config = load(folder, GOOD.replace("    topics: [orders]\n", ""))
    assert dead_letter_conflict(config.dead_letters, config.sources[0], {"orders"}) == ""
    assert "shop" in dead_letter_conflict(config.dead_letters, config.sources[0], {"letters"})


# Paths and secrets


def test_rule_files_are_relative_to_the_config_and_leave_out_cases(folder: Path) -> None:
    """Each file once, in a fixed order."""
    config = load(folder, GOOD.replace("[rules/*.yaml]", "[rules/b.yaml, 'rules/*.yaml']"))
    assert [path.name for path in rule_files(config)] == ["b.yaml", "a.yaml"]
    for path in rule_files(config):
        path.unlink()
    with pytest.raises(ConfigError, match="matches no rule file"):
        rule_files(config)


def test_relative_paths_become_paths_beside_the_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the process was started from."""
    text = GOOD.replace("topics:", "ca: tls/ca.pem\n    password: {file: /run/p}\n    topics:").replace(
        "{env: KEY}", "{file: key}"
    )
    (folder / "bridge.yaml").write_text(text)
    monkeypatch.chdir(folder)
    config = load_config(Path("bridge.yaml"), environ={}, source_settings=settings_of)
    assert getattr(config.sources[0], "ca", None) == folder / "tls/ca.pem"
    assert config.destinations["default"].write_key.file == folder / "key"
    assert dict(secrets_of(config))["sources[0].password"].file == Path("/run/p")


def test_every_secret_of_a_configuration_is_known(folder: Path) -> None:
    """``check`` warns of those that are not set, ``run`` refuses."""
    assert secrets_of(load(folder, GOOD)) == [("destinations.default.write_key", Secret(env="KEY"))]
