"""The training study: scenes, sites that are bit-exact, and a folder that it goes on from."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))

from training import beyond, protocol, report, scenes  # noqa: E402
from training.layers import NAMES, Site, sites  # noqa: E402
from training.methods import METHODS, PAPER, Sizes, tables_of  # noqa: E402
from training.networks import NETWORKS  # noqa: E402

FUNCTIONS = {
    "segformer": ("exp", "gelu", "reciprocal", "rsqrt"),
    "efficientvit": ("hardswish", "reciprocal"),
}


@pytest.fixture(autouse=True)
def drawn_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """Squares of ten sizes instead of clothing: the data set need not be installed."""
    images = np.zeros((10, 28, 28), np.uint8)
    for label in range(10):
        images[label, : 10 + label, : 10 + label] = 100 + 10 * label
    drawn = scenes.Items(images, np.arange(10, dtype=np.uint8))
    monkeypatch.setattr(scenes, "items", lambda part: drawn)


def test_scenes_are_the_same_for_a_seed_and_show_their_classes() -> None:
    (image, classes), (again, _) = (next(scenes.scenes("train", 7, 4)) for _ in range(2))
    assert torch.equal(image, again)
    assert image.shape == (4, 1, 64, 64)
    assert set(classes.unique().tolist()) <= set(range(11))
    # An item is as bright as its class says, its background at most 60 and some noise.
    shown = image[:, 0][classes > 0]
    assert torch.allclose(shown, ((90 + 10 * classes[classes > 0]) / 127.5 - 1.0).float())


@pytest.mark.parametrize("network", NETWORKS)
def test_every_function_of_the_paper_has_its_site(network: str) -> None:
    assert {site.name for site in sites(NETWORKS[network]())} == set(FUNCTIONS[network])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["GQA-LUT w/ RM", "optimal"])
def test_a_site_with_tables_is_the_deployed_arithmetic(name: str, method: str) -> None:
    """On every stored input of the scale in use."""
    site = Site(name)
    site.quantize(
        torch.linspace(-8.0, 0.0, 100) if name == "exp" else torch.linspace(0.1, 8.0, 100)
    )
    (operand, *_), quantizer = site.operands(), site.quantizer
    assert quantizer is not None
    applied = tables_of(site, method, 0)
    site.use(applied)
    which = quantizer.scale.octave
    operand = site.operands()[which]
    q = operand.values
    found = site(torch.from_numpy(operand.dequantize(q)).float())
    assert np.array_equal(found.detach().numpy(), applied[which].reals(q))


@pytest.mark.parametrize("sizes", [Sizes(5, 6, 6), Sizes(4, 5, 6)])
@pytest.mark.parametrize("name", beyond.FUNCTIONS)
def test_a_site_of_fewer_bits_is_the_deployed_arithmetic(name: str, sizes: Sizes) -> None:
    site = Site(name)
    seen = torch.linspace(-6.0, 0.0, 100) if name == "exp" else torch.linspace(0.1, 6.0, 100)
    site.quantize(seen)
    site.narrow(sizes.input_bits, seen)
    applied = tables_of(site, "optimal", 0, sizes)
    site.use(applied)
    assert site.quantizer is not None
    which = site.quantizer.scale.octave
    operand, table = site.operands()[which], applied[which].table
    assert operand.bits == (16 if site.wide else 6)
    assert table.entries == sizes.entries
    assert table.param_bits == sizes.params(name)
    low = -(1 << (sizes.params(name) - 1))
    assert all(low <= p < -low for p in (*table.slopes, *table.intercepts))
    q = operand.values
    found = site(torch.from_numpy(operand.dequantize(q)).float())
    assert np.array_equal(found.detach().numpy(), applied[which].reals(q))


def test_sizes_of_tables_are_counted_and_keep_the_papers_names() -> None:
    cells = beyond.cells(2)
    assert len({cell.key for cell in cells}) == len(cells)
    assert cells[0].key == "segformer-0-exp+gelu+reciprocal+rsqrt-optimal"
    # 8 lines of two parameters and 7 breakpoints of 8 bits, of each function.
    assert PAPER.bits(beyond.FUNCTIONS) == 4 * (8 * 2 * 8 + 7 * 8)
    # DIV and RSQRT keep parameters of 6 bits, and 8 of their inputs.
    assert Sizes(4, 5, 6).bits(beyond.FUNCTIONS) == 2 * (40 + 18) + 2 * (48 + 24)


def test_fewer_bits_are_shown_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(_: protocol.Study, cell: protocol.Cell) -> protocol.Score:
        lost = 0.0 if not cell.functions else (8 - cell.sizes.entries) * (1 + cell.seed)
        return protocol.Score(40.0 - 2 * lost, 40.0 - lost, 97.0, 98.0)

    monkeypatch.setattr(protocol.Study, "measure", measure)
    study = protocol.Study(protocol.Plan(1, 1, 1, 32), tmp_path)
    beyond.show(study, beyond.cells(2))
    lines = capsys.readouterr().out.splitlines()
    (row,) = (line for line in lines if " 4/8/8 " in line)
    # 4 · (1 + seed): 4 and 8 points for the two seeds, twice that without tuning.
    assert row.split()[2:] == ["352", "-12.00", "±", "4.00", "-6.00", "±", "2.00", "2.00"]
    pytest.importorskip("matplotlib")
    beyond.plot(study, beyond.cells(2), tmp_path / "beyond.svg")
    assert "4/5/6" in (tmp_path / "beyond.svg").read_text()


def test_the_study_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = protocol.Plan(fp32=3, quantized=2, tuned=2, scenes=32)
    cells = [protocol.Cell("efficientvit", 0, ("hardswish", "reciprocal"), m) for m in METHODS[-3:]]
    cells.append(protocol.Cell("efficientvit", 0, (), protocol.CONTROL))
    baseline = protocol.Cell("efficientvit", 0, ())
    first = protocol.Study(plan, tmp_path)
    scores = [first.measure(cell) for cell in cells]
    # The same network before fine-tuning, another after.
    assert scores[-1].agreement_before == 100.0
    tuned = [tmp_path / f"{each.key}.pt" for each in (cells[-1], baseline)]
    ends = [torch.load(each, weights_only=True)["head.classes.weight"] for each in tuned]
    assert not torch.equal(*ends)
    monkeypatch.setattr(protocol.Study, "replaced", lambda *_: pytest.fail("measured again"))
    again = protocol.Study(plan, tmp_path)
    assert [again.measure(cell) for cell in cells] == scores
    with pytest.raises(SystemExit, match="holds another plan"):
        protocol.Study(protocol.Plan(fp32=4, quantized=2, tuned=2, scenes=32), tmp_path)


def test_a_classifier_that_is_right_has_all_of_the_union(tmp_path: Path) -> None:
    study = protocol.Study(protocol.Plan(1, 1, 1, 32), tmp_path)
    truth = study.truth()
    assert study.iou(truth) == 100.0
    assert study.iou((truth + 1) % 11) == 0.0


def test_the_papers_figures_are_differences_to_its_baseline() -> None:
    alone = report.PAPER["segformer", "EXP"]
    none = report.PAPER["segformer", "none"]
    assert [round(a - b, 2) for a, b in zip(alone, none, strict=True)] == [-0.72, -0.29, -0.01]
