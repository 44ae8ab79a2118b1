"""The executor of type ``document``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic.alias_generators import to_camel

from regen_executors.document.characters import checked
from regen_executors.document.front_matter import without_front_matter
from regen_executors.document.html import page
from regen_executors.document.images import Pictures
from regen_executors.document.inputs import MAX_MARKDOWN_CHARACTERS, MAX_SOURCE_BYTES, DocumentInputs
from regen_executors.document.markdown import parse
from regen_executors.document.pdf import pdf
from regen_executors.document.template import Rendered, render
from regen_executors.inputs import source_text, validated
from regen_executors.interface import Artifact, Capped, ExecutionResult, InvalidInput
from regen_executors.strict_json import json_decoder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from regen_executors.interface import Instruction

_STYLE_TEXT = ("header", "footer", "logo_alt")
_PLAIN_TEXT = {"title": "title", "subtitle": "subtitle", "author": "author", "date": "date", "toc_title": "tocTitle"}


class DocumentExecutor:
    """Markdown, or a template and its data, as HTML and PDF. The inputs are ``DocumentInputs``."""

    type: ClassVar[str] = "document"
    version: ClassVar[str] = "2"

    def run(self, instruction: Instruction) -> ExecutionResult:
        """Creates ``<name>.html`` and ``<name>.pdf``, whichever ``formats`` asks for.

        Raises:
            InvalidInput: an input is wrong; names it.
            Capped: the text is longer or nested deeper than the limits in ``inputs`` and ``markdown`` allow.
        """
        inputs = validated(DocumentInputs, instruction.inputs)
        field, rendered = _markdown(inputs, instruction.sources)
        matter, markdown = without_front_matter(rendered.markdown)
        author = inputs.author or rendered.folded(matter.author)[:500]
        date = inputs.date or rendered.folded(matter.date)[:100]
        inputs = _clean(inputs.model_copy(update={"author": author, "date": date}))
        parsed = parse(replace(rendered, markdown=markdown), field, Pictures(instruction.sources))
        artifacts: list[Artifact] = []
        if "html" in inputs.formats:
            body = page(inputs, parsed, instruction.sources)
            artifacts.append(Artifact(f"{inputs.name}.html", "text/html; charset=utf-8", body))
        if "pdf" in inputs.formats:
            body = pdf(inputs, parsed, instruction.sources, field)
            artifacts.append(Artifact(f"{inputs.name}.pdf", "application/pdf", body))
        return ExecutionResult(tuple(artifacts), {"headings": len(parsed.headings), "characters": len(parsed.text)})


def _clean(inputs: DocumentInputs) -> DocumentInputs:
    """The inputs with their plain texts checked for characters that no document can show."""
    texts = {attribute: checked(getattr(inputs, attribute), f"inputs.{name}") for attribute, name in _PLAIN_TEXT.items()}
    blank = next((_PLAIN_TEXT[name] for name in ("title", "toc_title") if not texts[name].strip()), None)
    if blank is not None:
        raise InvalidInput(f"inputs.{blank}", "expected text that can be seen")
    style = {name: checked(getattr(inputs.style, name), f"inputs.style.{to_camel(name)}") for name in _STYLE_TEXT}
    return inputs.model_copy(update={**texts, "style": inputs.style.model_copy(update=style)})


def _markdown(inputs: DocumentInputs, sources: Mapping[str, Path]) -> tuple[str, Rendered]:
    """The field that the text comes from, and the Markdown."""
    if inputs.source is not None:
        field, text = "inputs.source", source_text(sources, inputs.source, "inputs.source", MAX_SOURCE_BYTES)
    elif inputs.template is not None:
        field, text = "inputs.template", inputs.template
    else:
        field, text = "inputs.markdown", inputs.markdown or ""
    if len(text) > MAX_MARKDOWN_CHARACTERS:
        raise Capped(field, f"{len(text)} characters; at most {MAX_MARKDOWN_CHARACTERS} are allowed")
    text = checked(text, field)
    if inputs.is_template:
        return field, render(text, _data(inputs, sources), field, MAX_MARKDOWN_CHARACTERS)
    return field, Rendered(text)


def _data(inputs: DocumentInputs, sources: Mapping[str, Path]) -> dict[str, Any]:
    if inputs.data_source is None:
        return inputs.data or {}
    field = "inputs.dataSource"
    try:
        data = json_decoder().decode(source_text(sources, inputs.data_source, field, MAX_SOURCE_BYTES))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(field, f"expected a source that is JSON: {error}") from error
    if not isinstance(data, dict):
        raise InvalidInput(field, f"expected a source that is a JSON object, got {type(data).__name__}")
    return data
