"""The parser of the Markdown dialect: CommonMark with GitHub's extensions, footnotes and definition lists.

GitHub's extensions are tables, strikethrough, task lists, bare URLs and alerts. Of HTML, comments are recognised (and dropped
later) and the tags that ``inline_html`` names; a block of HTML is read as a paragraph, so that Markdown inside it counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from markdown_it import MarkdownIt
from mdit_py_plugins.deflist import deflist_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from regen_executors.interface import Capped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline

MAX_NESTING: Final = 40
"""The deepest nesting of blocks and spans. Typst's own limits begin at 64 levels of layout."""

MAX_BRACKET_COST: Final = 3_000_000
"""Characters between brackets that the parser goes through, summed over a paragraph: some two seconds of CPU."""

MAX_BLOCK_STEPS: Final = 2_000_000
"""Rules for blocks that are tried on a document: some six seconds of CPU. 2 MB of usual text take half a million."""

MAX_BARE_URLS: Final = 8_000
"""The longest paragraph in which bare URLs become links, in characters."""

_BRACKET: Final = re.compile(r"\\.|[\[\]]", re.DOTALL)


def parser() -> MarkdownIt:
    """A parser and HTML renderer of the dialect. It replaces no characters and fetches nothing."""
    options: dict[str, Any] = {"html": True, "tasklists": True, "alerts": True, "strikethrough_single_tilde": True}
    markdown = MarkdownIt("commonmark", {**options, "maxNesting": 4 * MAX_NESTING})
    markdown.enable(["table", "strikethrough"])
    # Judged in markdown._without_dead_links: refusing here would leave the brackets in the text.
    markdown.validateLink = _any_link  # type: ignore[method-assign]
    markdown.use(footnote_plugin, inline=True).use(deflist_plugin).use(gfm_autolink_plugin)
    _bound_autolinks(markdown)
    rules = {rule.name: rule.fn for rule in markdown.block.ruler.__rules__}
    markdown.block.ruler.at(
        "html_block", _comments_only(rules["html_block"]), {"alt": ["paragraph", "reference", "blockquote"]}
    )
    _bound_blocks(markdown)
    markdown.core.ruler.before("inline", "bracket_cost", _bound_brackets)
    return markdown


def parsed_tokens(markdown: MarkdownIt, text: str, field: str) -> list[Any]:
    """The tokens of ``text``.

    Raises:
        Capped: brackets, blocks or spans are nested deeper than the parser goes through in bounded time.
    """
    try:
        tokens = markdown.parse(text)
    except _TooMuchWork as error:
        raise Capped(field, str(error)) from error
    _bound_nesting(tokens, field)
    return list(tokens)


def _any_link(url: str) -> bool:  # noqa: ARG001 - the parser's hook passes it by position
    return True


def _comments_only(html_block: Callable[..., bool]) -> Callable[..., bool]:
    """The rule for blocks of HTML, for comments that end, with nothing but white space behind them."""

    def rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:  # noqa: FBT001 - the parser's signature
        at = state.bMarks[start_line] + state.tShift[start_line]
        if not state.src.startswith("<!--", at):
            return False
        end = state.src.find("-->", at)
        if end < 0 or state.src[end + 3 :].partition("\n")[0].strip():
            return False
        return html_block(state, start_line, end_line, silent)

    return rule


def _bound_autolinks(markdown: MarkdownIt) -> None:
    """Finds bare URLs in paragraphs of usual length only: the rules read the paragraph at every colon, ``w`` and ``@``."""
    for rule in list(markdown.inline.ruler.__rules__):
        if rule.name.startswith("gfm_autolink_"):
            markdown.inline.ruler.at(rule.name, _in_short_paragraphs(rule.fn))


def _in_short_paragraphs(rule: Callable[..., bool]) -> Callable[..., bool]:
    def bounded(state: StateInline, silent: bool) -> bool:  # noqa: FBT001 - the parser's signature
        return state.posMax <= MAX_BARE_URLS and rule(state, silent)

    return bounded


def _bound_blocks(markdown: MarkdownIt) -> None:
    """Counts the calls of the rules for blocks: each line is tried again for each block that it lies in."""
    for rule in list(markdown.block.ruler.__rules__):
        markdown.block.ruler.at(rule.name, _counting(rule.fn), {"alt": list(rule.alt)})


def _counting(rule: Callable[..., bool]) -> Callable[..., bool]:
    def counted(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:  # noqa: FBT001 - as above
        state.env["block_steps"] = steps = state.env.get("block_steps", 0) + 1
        if steps > MAX_BLOCK_STEPS:
            raise _TooMuchWork(start_line + 1, "too many lines within nested lists and quotes, reached")
        return rule(state, start_line, end_line, silent)

    return counted


class _TooMuchWork(Exception):
    def __init__(self, line: int | str, what: str) -> None:
        super().__init__(f"{what} on line {line}")


def _bound_brackets(state: StateCore) -> None:
    """Refuses a paragraph whose brackets cost too much: for each, the parser goes on to its counterpart or to the end."""
    for token in state.tokens:
        if token.type == "inline" and bracket_cost(token.content) > MAX_BRACKET_COST:
            raise _TooMuchWork(token.map[0] + 1 if token.map else "unknown", "too many nested or unclosed brackets")


def bracket_cost(text: str) -> int:
    """The characters that lie between each opening bracket and its counterpart, or the end where there is none."""
    if text.count("[") < 2:
        return 0
    cost, opened = 0, []
    for found in _BRACKET.finditer(text):
        if found.group() == "[":
            opened.append(found.start())
        elif found.group() == "]" and opened:
            cost += found.start() - opened.pop()
    return cost + sum(len(text) - start for start in opened)


def _bound_nesting(tokens: Sequence[Any], field: str) -> None:
    depth = 0
    for token in tokens:
        depth += token.nesting
        inner = deepest = 0
        for child in token.children or ():
            inner += child.nesting
            deepest = max(deepest, inner)
        if depth + deepest > MAX_NESTING:
            line = token.map[0] + 1 if token.map else "unknown"
            raise Capped(field, f"lists, quotes and emphasis nested more than {MAX_NESTING} deep, on line {line}")
