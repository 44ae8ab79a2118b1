"""Can a template make a document of its data, and nothing else?"""

from __future__ import annotations

from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regen_executors.document.markdown import parse, parser, plain_text
from regen_executors.document.template import escape_markdown, render
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

_FIELD = "inputs.template"
_PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Cf", "Zl", "Zp")))


def _render(template: str, **data: Any) -> str:
    return render(template, data, _FIELD, 10_000)


@given(_PRINTABLE)
def test_an_escaped_value_shows_itself_and_nothing_more(text: str) -> None:
    tokens = list(parse(f"a {escape_markdown(text)} b", _FIELD).tokens)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert " ".join(plain_text(tokens[1].children or []).split()) == " ".join(f"a {text} b".split())


@given(_PRINTABLE)
def test_a_printed_value_is_text_in_the_page(text: str) -> None:
    html = parser().render(_render("a {{ value }} b", value=text))
    assert " ".join(unescape(html).removeprefix("<p>").strip().removesuffix("</p>").split()) == " ".join(f"a {text} b".split())


@given(_PRINTABLE.filter(lambda text: text.strip()))
def test_the_code_filter_makes_one_code_span(text: str) -> None:
    children = parser().parseInline(_render("{{ value | code }}", value=text))[0].children or []
    assert [child.type for child in children] == ["code_inline"]
    assert " ".join(children[0].content.split()) == " ".join(text.split())


@given(st.text(st.sampled_from("`~ab\n "), max_size=60))
def test_the_codeblock_filter_makes_one_block(text: str) -> None:
    tokens = parser().parse(_render("{{ value | codeblock('py') }}", value=text))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == text + "\n"


def test_loops_conditions_macros_and_filters_work() -> None:
    template = (
        "{% macro row(p) %}| {{ p.name }} | {{ '%.1f' | format(p.mass) }} |{% endmacro %}\n| a | b |\n|---|---|\n"
        "{% for p in planets if p.mass > 0.5 %}\n{{ row(p) }}\n{% endfor %}\n{{ note | markdown }}\n"
    )
    made = _render(template, planets=[{"name": "E|arth", "mass": 1}, {"name": "Mars", "mass": 0.1}], note="**n**")
    assert " ".join(made.split()) == r"| a | b | |---|---| | E\|arth | 1\.0 | **n**"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ '{0.__class__}'.format('') }}",
        "{{ '{0.__class__}' | format('') }}{{ self._TemplateReference__context }}",
        "{{ self.__init__.__globals__ }}",
        "{{ range.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__['os'] }}",
        "{{ lipsum() }}",
        "{{ [1, 2, 3] | random }}",
        "{% include '/etc/passwd' %}",
        "{% import 'x' as x %}",
        "{% extends 'x' %}",
        "{{ values.append(1) }}",
        "{{ missing }}",
        "{{ values.missing }}",
        "{{ 1 / 0 }}",
        "{{ 'x' + 1 }}",
        "{{ values.index(9) }}",
        "{{ values | map('upper') }}",
        "{{ 'x'.upper }}",
        "{{ 'x'.upper | string }}",
        "{{ 'a' ~ 'x'.upper }}",
        "{{ values.count }}",
        "{{ namespace }}",
        "{% for %}",
        "{{ ",
        "{{ 'x' | nothing }}",
    ],
)
def test_escapes_accidents_and_mistakes_name_the_template(template: str) -> None:
    with pytest.raises(InvalidInput, match=r"^inputs\.template: expected a template"):
        _render(template, values=[1, 2])


@pytest.mark.parametrize(
    "template",
    [
        "{{ 'x' * 10 ** 9 }}",
        "{{ [0] * 10 ** 9 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '%*d' | format(999999999, 1) }}",
        "{{ 'x' | indent(999999999) }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxxxx{% endfor %}{% endfor %}",
    ],
)
def test_much_out_of_little_is_capped(template: str) -> None:
    with pytest.raises(Capped, match=r"^inputs\.template: "):
        _render(template)


@pytest.mark.parametrize(
    "template", ["{{ 'x'.ljust(999999999) }}", "{{ '{:>999999999}'.format(1) }}", "{{ range(10 ** 9) | list }}"]
)
def test_widening_methods_are_refused(template: str) -> None:
    with pytest.raises(InvalidInput):
        _render(template)


@pytest.mark.parametrize("name", ["self", "range", "loop", "data", "items"])
def test_data_may_have_any_name(name: str) -> None:
    assert render("{{ x }}", {name: 1, "x": "v"}, _FIELD, 100) == "v"


def test_template_and_data_may_be_sources(run: Callable[..., dict[str, bytes]]) -> None:
    inputs = {"title": "T", "source": "t.md", "sourceKind": "template", "dataSource": "d.json", "formats": ["html"]}
    made = run("document", inputs, {"t.md": b"\xef\xbb\xbf# {{ who }}", "d.json": b'{"who": "<World>"}'})
    assert b'<h1 id="world">&lt;World&gt;</h1>' in made["document.html"]
