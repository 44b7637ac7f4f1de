"""Formulas as MathML when the site is built: browsers show it without a script or a font."""

import html
import re

from latex2mathml.converter import convert

INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content, **_):
    content = INLINE.sub(lambda found: convert(html.unescape(found[1])), content)
    return BLOCK.sub(lambda found: f'<div class="formula">{_block(found[1])}</div>', content)


def _block(formula: str) -> str:
    return convert(html.unescape(formula), display="block")
