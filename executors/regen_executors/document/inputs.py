"""The inputs of ``document`` and its limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from regen_executors.inputs import StrictInputs

MAX_SOURCE_BYTES = 8 * 1024 * 1024
"""The size of a source file at the most."""

MAX_MARKDOWN_CHARACTERS = 2 * 1024 * 1024
"""The length of the Markdown at the most: some 700 pages. A template that makes more is stopped there."""

MAX_FONT_BYTES = 64 * 1024 * 1024
"""The size of a font file at the most; the large CJK fonts have some 20 MB."""

SourceName = Annotated[str, Field(min_length=1, max_length=128)]
Format = Literal["html", "pdf"]


class DocumentInputs(StrictInputs):
    """``instructionJson.inputs`` of a ``document``. Exactly one of ``markdown``, ``template`` and ``source`` is given.

    Attributes:
        title: the document's title, plain text.
        subtitle: plain text beneath the title.
        author: plain text; also in the PDF's metadata.
        date: plain text, as it shall be printed; an executor has no clock.
        markdown: CommonMark with tables, strike-through, footnotes and definition lists; no HTML.
        template: a Jinja2 template that makes such Markdown from ``data``.
        source: the name of the source file that holds the Markdown, or the template.
        source_kind: which of the two ``source`` holds.
        data: the template's variables.
        data_source: the name of a source file that holds them as a JSON object.
        formats: which artifacts to make.
        name: the artifacts' name without its extension.
        language: a BCP 47 tag; chooses hyphenation and the direction of writing.
        paper: the PDF's and the printed HTML's page.
        toc: whether a table of contents precedes the text.
        toc_title: the heading of that table.
        toc_depth: the deepest level of heading in it.
        fonts: names of source files (TrueType, OpenType) that the PDF may use for what its own fonts lack.
    """

    title: Annotated[str, Field(min_length=1, max_length=500)]
    subtitle: Annotated[str, Field(max_length=500)] = ""
    author: Annotated[str, Field(max_length=500)] = ""
    date: Annotated[str, Field(max_length=100)] = ""
    markdown: str | None = None
    template: str | None = None
    source: SourceName | None = None
    source_kind: Literal["markdown", "template"] = "markdown"
    data: dict[str, Any] | None = None
    data_source: SourceName | None = None
    formats: Annotated[tuple[Format, ...], Field(min_length=1, strict=False)] = ("html", "pdf")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = "document"
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")] = "en"
    paper: Literal["a4", "letter"] = "a4"
    toc: bool = False
    toc_title: Annotated[str, Field(min_length=1, max_length=100)] = "Contents"
    toc_depth: Annotated[int, Field(ge=1, le=6)] = 3
    fonts: Annotated[tuple[SourceName, ...], Field(max_length=8, strict=False)] = ()

    @field_validator("formats")
    @classmethod
    def _formats_differ(cls, formats: tuple[Format, ...]) -> tuple[Format, ...]:
        if len(set(formats)) != len(formats):
            msg = "expected each format once"
            raise ValueError(msg)
        return formats

    @field_validator("title", "toc_title")
    @classmethod
    def _is_not_blank(cls, text: str) -> str:
        if not text.strip():
            msg = "expected text that is not only white space"
            raise ValueError(msg)
        return text

    @model_validator(mode="after")
    def _one_text(self) -> Self:
        given = [name for name in ("markdown", "template", "source") if getattr(self, name) is not None]
        if len(given) != 1:
            msg = f"expected exactly one of markdown, template and source, got {' and '.join(given) or 'none'}"
            raise ValueError(msg)
        if self.source is None and self.source_kind != "markdown":
            msg = "expected sourceKind only together with source"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _data_belongs_to_a_template(self) -> Self:
        if self.data is not None and self.data_source is not None:
            msg = "expected at most one of data and dataSource, got both"
            raise ValueError(msg)
        if not self.is_template and (self.data is not None or self.data_source is not None):
            msg = "expected data and dataSource only together with a template"
            raise ValueError(msg)
        return self

    @property
    def is_template(self) -> bool:
        """Whether the text is a Jinja2 template."""
        return self.template is not None or (self.source is not None and self.source_kind == "template")
