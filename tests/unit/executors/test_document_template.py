"""Can a template create a document of its data, and nothing else?"""

from __future__ import annotations

import json
import time
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regen_executors.document.html import page
from regen_executors.document.inputs import DocumentInputs
from regen_executors.document.markdown import parse, plain_text
from regen_executors.document.sandbox import MAX_STEPS
from regen_executors.document.template import render
from regen_executors.interface import Capped, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markdown_it.token import Token

_FIELD = "inputs.template"
_PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co", "Cf", "Zl", "Zp")))


def _tokens(template: str, **data: Any) -> Sequence[Token]:
    return parse(render(template, data, _FIELD, 10_000), _FIELD).tokens


def _shown(template: str, **data: Any) -> str:
    """The rendered Markdown with the values in their places."""
    rendered = render(template, data, _FIELD, 10_000)
    return rendered.folded(rendered.markdown)


def _html(template: str, **data: Any) -> str:
    rendered = render(template, data, _FIELD, 10_000)
    inputs = DocumentInputs.model_validate({"title": "T", "markdown": "x"})
    return page(inputs, parse(rendered, _FIELD)).decode().partition("<main>\n")[2].partition("</main>")[0]


def _squeezed(text: str) -> str:
    return " ".join(text.split())


@given(_PRINTABLE)
def test_a_printed_value_shows_itself_and_nothing_more(text: str) -> None:
    tokens = _tokens("a {{ value }} b", value=text)
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert _squeezed(plain_text(tokens[1].children or [])) == _squeezed(f"a {text} b")


@given(_PRINTABLE)
def test_a_printed_value_is_text_in_the_page(text: str) -> None:
    html = _html("a {{ value }} b", value=text)
    assert _squeezed(unescape(html).removeprefix("<p>").strip().removesuffix("</p>")) == _squeezed(f"a {text} b")


@given(_PRINTABLE.filter(lambda text: text.strip()))
def test_code_spans_show_a_printed_value_as_it_is(text: str) -> None:
    for template in ("`{{ value }}`", "{{ value | code }}"):
        children = _tokens(template, value=text)[1].children or []
        assert [child.type for child in children] == ["code_inline"]
        assert _squeezed(children[0].content) == _squeezed(text)


@given(st.text(st.sampled_from("`~ab\n "), max_size=60))
def test_blocks_of_code_show_a_printed_value_as_it_is(text: str) -> None:
    for template in ("```py\n{{ value }}\n```\n", "{{ value | codeblock('py') }}"):
        tokens = _tokens(template, value=text)
        assert [token.type for token in tokens] == ["fence"]
        assert tokens[0].content == text + "\n"


def test_markup_in_data_is_text_in_code_and_elsewhere() -> None:
    html = _html("`{{ x }}` {{ x }} **{{ x }}**\n\n```\n{{ x }}\n```\n", x="a_b*c <d>")
    assert "<p><code>a_b*c &lt;d&gt;</code> a_b*c &lt;d&gt; <strong>a_b*c &lt;d&gt;</strong></p>" in html
    assert "<pre><code>a_b*c &lt;d&gt;\n</code></pre>" in html


def test_data_may_stand_in_link_targets_and_cannot_leave_them() -> None:
    html = _html(
        "[a](https://example.com/{{ x }}) [b]({{ y }}) https://example.com/{{ x }}", x="a b)c(", y="javascript:alert(1)"
    )
    assert '<a href="https://example.com/a%20b)c(">a</a> b ' in html
    assert "javascript" not in html


def test_data_is_json_so_that_keys_win_over_methods() -> None:
    order = {"items": [1, 2], "keys": "k", "values": {"get": "g"}}
    shown = _shown("{{ order.items | join('+') }} {{ order.keys }} {{ order.values.get }} {{ order['items'][1] }}", order=order)
    assert shown == "1+2 k g 2"
    assert _shown("{% for key, value in order | items %}{{ key }} {% endfor %}", order=order) == "items keys values "


@pytest.mark.parametrize("template", ["{{ order.update }}", "{{ order['update'] }}", "{{ order.get('x') }}", "{{ order.x.y }}"])
def test_a_missing_key_is_undefined_and_named(template: str) -> None:
    with pytest.raises(InvalidInput, match=r"the data has no key '(update|get|x)' here; the keys are 'items'"):
        _shown(template, order={"items": []})
    assert _shown("{{ order.x is defined }} {{ order.x | default('none') }}", order={}) == "False none"


def test_json_and_joined_values_are_text() -> None:
    assert (
        _shown("{{ x | tojson }} {{ x | e }} {{ [x, x | code] | join(', ') }}", x="<a>")
        == f"{json.dumps('<a>')} <a> <a>, `<a>`"
    )
    assert _shown("{{ 'a' ~ x ~ 1 }} {{ x ~ (x | code) }}", x="*b*") == "a*b*1 *b*`*b*`"
    assert "<em>" not in _html("{{ 'a' ~ x }} {{ x | e }}", x="*b*")


def test_loops_conditions_macros_and_filters_work() -> None:
    template = (
        "{% macro row(p) %}| {{ p.name }} | {{ '%.1f' | format(p.mass) }} |{% endmacro %}\n| a | b |\n|---|---|\n"
        "{% for p in planets if p.mass > 0.5 %}\n{{ row(p) }}\n{% endfor %}\n{{ note | markdown }}\n"
    )
    planets = [{"name": "E|arth", "mass": 1}, {"name": "Mars", "mass": 0.1}]
    assert _squeezed(_shown(template, planets=planets, note="**n**")) == "| a | b | |---|---| | E|arth | 1.0 | **n**"
    assert "<td>E|arth</td>" in _html(template, planets=planets, note="**n**")


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
        _shown(template, values=[1, 2])


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
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{{ ('a' * 99999) | replace('a', 'b' * 99999) }}",
        "{{ ('a' * 99999).replace('a', 'b' * 99999) }}",
        "{{ (['a' * 99999] * 9999) | join }}",
        "{{ ','.join(['a' * 99999] * 9999) }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}xxxxxxxxxx{% endfor %}{% endfor %}",
    ],
)
def test_much_out_of_little_is_capped(template: str) -> None:
    with pytest.raises(Capped, match=r"^inputs\.template: "):
        _shown(template)


_ENDLESS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(90) }}",
    "{% for a in range(99999) %}{% if a in values %}{% endif %}{% endfor %}",
    "{% for a in range(99999) %}{% if values == others %}{% endif %}{% endfor %}",
    "{% for a in range(99999) %}{% set x = values | sum %}{% endfor %}",
    "{% for a in range(99999) %}{% set x = values[1:] %}{% endfor %}",
    "{% for a in range(99999) if a in values %}{% endfor %}",
    "{% for a in values recursive %}{{ loop(values) }}{% endfor %}",
    "{% set ns = namespace(x='') %}{% for a in range(99999) %}{% set ns.x = ns.x ~ 'aaaaaaaaaaaaaaaaaaaa' %}{% endfor %}",
]


@pytest.mark.parametrize("template", _ENDLESS)
def test_endless_work_is_capped_within_a_bounded_time(template: str) -> None:
    started = time.process_time()
    with pytest.raises((Capped, InvalidInput), match=rf"more than {MAX_STEPS} steps|Recursion|recursion"):
        _shown(template, values=list(range(9999)), others=list(range(9999)))
    assert time.process_time() - started < 20


@pytest.mark.parametrize(
    "template", ["{{ 'x'.ljust(999999999) }}", "{{ '{:>999999999}'.format(1) }}", "{{ range(10 ** 9) | list }}"]
)
def test_widening_methods_are_refused(template: str) -> None:
    with pytest.raises(InvalidInput):
        _shown(template)


@pytest.mark.parametrize("name", ["self", "range", "loop", "data", "items"])
def test_data_may_have_any_name(name: str) -> None:
    assert _shown("{{ x }}", **{name: 1, "x": "v"}) == "v"


def test_template_and_data_may_be_sources(run: Callable[..., dict[str, bytes]]) -> None:
    inputs = {"title": "T", "source": "t.md", "sourceKind": "template", "dataSource": "d.json", "formats": ["html"]}
    made = run("document", inputs, {"t.md": b"\xef\xbb\xbf# {{ who }}", "d.json": b'{"who": "<World>"}'})
    assert b'<h1 id="world">&lt;World&gt;</h1>' in made["document.html"]
