"""Sample records out of a file of JSON lines, as the file source reads them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bridge.cli.targets import Target
from bridge.config import Decode
from bridge.decode import Document, decode
from bridge.errors import ConfigError, UsageError
from bridge.model import Poison
from bridge.record_lines import Line, read_line
from bridge.rules.lint.samples import Sample
from bridge.rules.meta import meta_of

_SOURCE = "samples"


@dataclass(slots=True)
class SampleFile:
    """What a file of samples holds: records, lines that are none, and bodies that cannot be decoded."""

    samples: list[Sample] = field(default_factory=list)
    wrong: list[ConfigError] = field(default_factory=list)
    undecodable: list[ConfigError] = field(default_factory=list)


def read_samples(path: Path, target: Target) -> SampleFile:
    """Read and decode sample records.

    Args:
        path: the file.
        target: its limits, and what its sources say of the bodies of their topics.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or type(error).__name__}") from error
    file = SampleFile()
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            line = read_line(text)
        except ValueError as error:
            file.wrong.append(ConfigError(str(error), path=str(path), line=number, column=1))
        else:
            _add(file, path, number, line, target)
    return file


def _add(file: SampleFile, path: Path, number: int, line: Line, target: Target) -> None:
    record = line.record(_SOURCE, number, 0)
    document = decode(record, _decoding(line.name, target), target.limits)
    if isinstance(document, Poison):
        problem = f"this sample cannot be decoded: {document.error}"
        file.undecodable.append(ConfigError(problem, path=str(path), line=number, column=1))
    elif isinstance(document, Document):
        file.samples.append(Sample(line.name, line.queue, meta_of(record), document.unwrap))


def _decoding(name: str, target: Target) -> Decode:
    """How the sources that name a topic or queue read it; JSON where none does."""
    for source in target.config.sources if target.config is not None else ():
        if name in source.topic_decode:
            return source.topic_decode[name]
        if name in source.stream_names():
            return source.decode
    return "json"
