"""The HTML page: whole in itself, true to the tables, and readable in a real browser."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from lut_opt import cli
from lut_opt.backends.page.svg import ticks
from lut_opt.backends.page.words import certificate, grade
from lut_opt.dialects.pwl import Fit, Table

pytest.importorskip("jinja2")
CHROMIUM = shutil.which("chromium")

MODEL = """
func.func @f(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %a = math.tanh %x {pwl.range = [-4.0, 4.0],
    pwl.quantiles = dense<[-4.0, -1.0, 0.0, 1.0, 4.0]> : tensor<5xf64>} : tensor<2x4xf32>
  %b = math.exp %x {pwl.range = [-1.0, 1.0]} : tensor<2x4xf32>
  %c = math.sin %b : tensor<2x4xf32>
  return %a, %c : tensor<2x4xf32>, tensor<2x4xf32>
}
"""


class Reader(HTMLParser):
    """Figures' points, and every address that the page would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.points: list[list[list[float]]] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "data-points":
                self.points.append(json.loads(value or ""))
            if name in ("src", "href") and value != "data:,":
                self.fetched.append(value or "")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    (folder / "f.mlir").write_text(MODEL)
    lower = ["--lower-nonlinear-to-pwl=keep=sin", "--pwl-search"]
    out = folder / "report.html"
    assert cli.main([str(folder / "f.mlir"), *lower, "-t", "html", "-o", str(out)]) == 0
    return out.read_text()


def test_it_needs_nothing_from_outside(page: str) -> None:
    assert Reader(page).fetched == []
    assert "url(" not in page
    assert "@import" not in page


def test_it_is_the_same_each_time(page: str, tmp_path: Path) -> None:
    (tmp_path / "f.mlir").write_text(MODEL)
    out = tmp_path / "again.html"
    lower = ["--lower-nonlinear-to-pwl=keep=sin", "--pwl-search"]
    assert cli.main([str(tmp_path / "f.mlir"), *lower, "-t", "html", "-o", str(out)]) == 0
    place = re.compile(r"[^\s<]*f\.mlir")
    assert place.sub("", out.read_text()) == place.sub("", page)


def test_points_are_the_function_and_what_the_table_answers(page: str) -> None:
    tanh, exp = (np.array(rows) for rows in Reader(page).points)
    # Saturated to the result's largest stored value, 127/128.
    assert np.allclose(tanh[:, 2], np.tanh(tanh[:, 1]).clip(-1.0, 127 / 128), atol=1e-5)
    assert np.allclose(exp[:, 2], np.exp(exp[:, 1]), rtol=1e-5)
    for rows in (tanh, exp):
        assert 0 < np.abs(rows[:, 3] - rows[:, 2]).max() < 0.05


def test_what_is_left_in_floats_is_listed_with_its_line(page: str) -> None:
    assert re.search(r"<td>math\.sin</td><td>[^<]*f\.mlir:6:3</td><td>kept by keep=", page)


def test_what_the_calibration_saw_is_drawn_where_it_saw_something(page: str) -> None:
    assert page.count('class="seen"') == 1


def test_names_from_the_model_are_text_not_markup(tmp_path: Path) -> None:
    path = tmp_path / "<b>&.mlir"
    path.write_text(MODEL)
    out = tmp_path / "r.html"
    lower = ["--lower-nonlinear-to-pwl=keep=sin", "--pwl-search"]
    assert cli.main([str(path), *lower, "-t", "html", "-o", str(out)]) == 0
    assert "&lt;b&gt;&amp;.mlir" in out.read_text()
    assert "<b>&.mlir" not in out.read_text()


def test_before_the_search_it_says_what_to_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "f.mlir").write_text(MODEL)
    assert (
        cli.main([str(tmp_path / "f.mlir"), "--lower-nonlinear-to-pwl=keep=sin", "-t", "html"]) == 0
    )
    assert "No table yet: run --pwl-search." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-4.0, 4.0, [-4.0, -2.0, 0.0, 2.0, 4.0]), (0.0, 0.3, [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert np.allclose(ticks(low, high), expected)


def fit(mse: float, **known: float | None) -> Fit:
    return Fit("genetic", "seed", "mse", 0, 8, 256, mse, 1.5, 0.5, **known)  # pyright: ignore


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"optimal_mse": 1e-4}, "Proven: no table of 8 entries"),
        ({"optimal_mse": 0.25e-4}, "its RMS error is 2.0 times the proven optimum"),
        ({"least_mse": 0.64e-4}, "its RMS error is 25 % above a proven lower bound"),
        ({}, "how much better another could be is not known"),
    ],
)
def test_a_certificate_says_what_is_known_and_no_more(known: dict[str, float], said: str) -> None:
    table = Table((0,), (1, 2), (0, 0))
    words = certificate(table, fit(1e-4, **known), 0.5, is_seen=False)
    assert said in words
    assert "off by 0.75 (1.5 steps)" in words


def test_a_certificate_of_all_inputs_alike_says_so_of_a_table_for_those_that_were_seen() -> None:
    table, least = Table((0,), (1, 2), (0, 0)), fit(1e-4, least_mse=0.64e-4)
    words = certificate(table, least, 0.5, is_seen=True)
    assert "for inputs as the calibration saw them; over all alike, its RMS error is 25 %" in words


def test_grades_follow_the_limits_of_the_warnings() -> None:
    assert [grade(x) for x in (None, 19.9, 20.0, 40.0)] == ["unknown", "poor", "fair", "good"]


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: make apt-browser")
@pytest.mark.parametrize("width", [400, 1600])
def test_a_browser_shows_it_without_overflow_or_complaint(
    page: str, width: int, tmp_path: Path
) -> None:
    """Everything opened, in a frame of that width; the frame says how wide its contents are."""
    opened = page.replace("<details ", "<details open ")
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe id="f" width="{width}" height="900" srcdoc="{html.escape(opened)}"></iframe>'
        "<script>const f = document.getElementById('f'); f.onload = () => {"
        "const d = f.contentDocument; f.contentWindow.onerror = (m) => console.error(m);"
        "for (const s of d.querySelectorAll('svg'))"
        "  s.dispatchEvent(new PointerEvent('pointermove', {clientX: 200}));"
        "d.getElementById('worst').click();"
        "const said = [...d.querySelectorAll('output')].map(o => o.textContent.length > 0);"
        "const e = d.documentElement; document.title ="
        "  [e.scrollWidth - e.clientWidth, said.every(x => x), d.images.length].join(' ');"
        "};</script>"
    )
    picture = tmp_path / "page.png"
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
    ]
    command += [f"--window-size={width + 40},1000", "--virtual-time-budget=5000"]
    done = subprocess.run(
        [*command, "--dump-dom", frame.as_uri()], capture_output=True, text=True, timeout=60
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title is not None, done.stderr
    assert title[1] == "0 true 0"
    assert "CONSOLE" not in done.stderr
    subprocess.run(
        [*command, f"--screenshot={picture}", frame.as_uri()],
        timeout=60,
        check=True,
        capture_output=True,
    )
    assert picture.stat().st_size > 10_000
