"""The inputs of ``document`` and its limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from regen_executors.inputs import StrictInputs

MAX_SOURCE_BYTES = 8 * 1024 * 1024
"""The largest source file, in bytes."""

MAX_MARKDOWN_CHARACTERS = 2 * 1024 * 1024
"""The longest Markdown: some 700 pages. A template that renders more is stopped there."""

SourceName = Annotated[str, Field(min_length=1, max_length=128)]
Format = Literal["html", "pdf"]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class StyleInputs(StrictInputs):
    """The house style of a document. Fonts and logo are names of sources; the fonts are named in ``fonts`` too.

    Attributes:
        body_font: the text's font. Files of the same family in ``fonts`` are its bold and italic.
        heading_font: the font of title and headings.
        code_font: the font of code.
        text_colour: of the text, on paper and in a light browser.
        heading_colour: of title and headings.
        link_colour: of links.
        accent_colour: of the line beneath the title.
        logo: an image above the title.
        logo_height: its height in millimetres.
        logo_alt: what the logo shows, for readers who do not see it.
        header: one line at the head of each page.
        footer: one line at the foot of each page.
        page_numbers: whether pages are numbered.
    """

    body_font: SourceName | None = None
    heading_font: SourceName | None = None
    code_font: SourceName | None = None
    text_colour: Colour | None = None
    heading_colour: Colour | None = None
    link_colour: Colour | None = None
    accent_colour: Colour | None = None
    logo: SourceName | None = None
    logo_height: Annotated[float, Field(gt=0, le=60, strict=False)] = 14.0
    logo_alt: Annotated[str, Field(max_length=200)] = ""
    header: Annotated[str, Field(max_length=200)] = ""
    footer: Annotated[str, Field(max_length=200)] = ""
    page_numbers: bool = True


class DocumentInputs(StrictInputs):
    """``instructionJson.inputs`` of a ``document``. Exactly one of ``markdown``, ``template`` and ``source`` is given.

    Attributes:
        title: the document's title, plain text.
        subtitle: plain text beneath the title.
        author: plain text; also in the PDF's metadata. Front matter may give it instead.
        date: plain text, printed as it is; an executor has no clock. Front matter may give it instead.
        markdown: CommonMark with GitHub's extensions, footnotes and definition lists.
        template: a Jinja2 template that renders such Markdown from ``data``.
        source: the name of the source file that holds the Markdown, or the template.
        source_kind: which of the two ``source`` holds.
        data: the template's variables.
        data_source: the name of a source file that holds them as a JSON object.
        formats: which artifacts to create.
        name: the artifacts' name without its extension.
        language: a BCP 47 tag; chooses hyphenation and the direction of writing.
        paper: the page size of the PDF and of the printed HTML.
        toc: whether a table of contents precedes the text.
        toc_title: the heading of that table.
        toc_depth: the deepest level of heading in it.
        fonts: names of source files (TrueType, OpenType) that the PDF may use for what its own fonts lack.
        style: the house style.
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
    style: StyleInputs = StyleInputs()

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
    def _style_names_given_fonts(self) -> Self:
        for name in (self.style.body_font, self.style.heading_font, self.style.code_font):
            if name is not None and name not in self.fonts:
                msg = f"expected the fonts of style in fonts too, {name!r} is not"
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
