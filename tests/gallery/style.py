"""How the pictures look: light or dark, as the page around them is."""

STYLE = (
    "<style>"
    "svg{--ink:#24292f;--faint:#8b949e;--fill:#eef2fb;--one:#3f51b5;--two:#d1242f;--rest:#f0f0f0}"
    "@media(prefers-color-scheme:dark){svg{--ink:#d0d7de;--faint:#8b949e;--fill:#2b3350;"
    "--one:#8ea2ff;--two:#ff8a80;--rest:#2c2f38}}"
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:var(--ink)}"
    ".small{font-size:10px;fill:var(--faint)}"
    "path,rect{fill:none;stroke:var(--ink)}"
    ".box{fill:var(--fill);stroke:var(--one)}"
    ".bus{stroke-width:2.2}.wire{stroke-width:1.2}"
    ".in{stroke:var(--one)}.out{stroke:var(--two)}"
    ".value{fill:var(--fill)}.none{fill:var(--rest);stroke:none}.grid{stroke:var(--faint);opacity:.25}"
    "</style>"
)
"""Browsers give a picture the colour scheme of the element that shows it."""
