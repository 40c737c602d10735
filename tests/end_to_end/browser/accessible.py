"""Accessibility checks of a page with axe-core, which axe-playwright-python contains.

https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md
"""

from importlib.resources import files
from typing import Any

from playwright.async_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS = {"runOnly": TAGS, "resultTypes": ["violations"]}


async def violations(page: Page) -> list[str]:
    """Return a sentence with the element for each violation on the page as it is now."""
    await page.evaluate(AXE)
    found = await page.evaluate("(options) => axe.run(options)", OPTIONS)
    return [_sentence(rule, node) for rule in found["violations"] for node in rule["nodes"]]


def _sentence(rule: dict[str, Any], node: dict[str, Any]) -> str:
    why = "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
    return f"{rule['id']} ({rule['help']}): {' '.join(node['target'])}: {why}: {node['html'][:200]}"
