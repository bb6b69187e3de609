"""The command line as its users and their scripts meet it: input, output, exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lut_opt import cli

ROOT = Path(__file__).parents[2]
BLOCK = ROOT / "examples" / "transformer_block.mlir"

TANH = """\
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.tanh %x {pwl.range = [-4.0, 3.96875]} : tensor<4xf32>
  func.return %y : tensor<4xf32>
}
"""


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """A real process: what a script sees."""
    return subprocess.run(
        [sys.executable, "-m", "lut_opt.cli", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def fails(capsys: pytest.CaptureFixture[str], code: int, *arguments: str) -> str:
    """Run in this process; returns stderr of a run that must fail with `code`, silent on stdout."""
    try:
        got = cli.main(list(arguments))
    except SystemExit as stop:  # argparse
        got = stop.code
    captured = capsys.readouterr()
    assert got == code, captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err
    return captured.err


@pytest.fixture
def tanh(tmp_path: Path) -> str:
    path = tmp_path / "tanh.mlir"
    path.write_text(TANH)
    return str(path)


def test_passes_run_in_the_order_given(tanh: str, capsys: pytest.CaptureFixture[str]) -> None:
    lower = "--lower-nonlinear-to-pwl"
    assert cli.main([tanh, lower, "--pwl-search", "--convert-pwl-to-arith"]) == 0
    assert "arith.cmpi" in capsys.readouterr().out
    error = fails(capsys, 1, tanh, lower, "--convert-pwl-to-arith", "--pwl-search")
    assert "tanh has no table: run --pwl-search first" in error


def test_a_pass_never_takes_the_file_for_its_options(
    tanh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--lower-nonlinear-to-pwl", tanh]) == 0
    assert "pwl.apply" in capsys.readouterr().out


def test_flags_and_pipelines_are_the_same(tanh: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--lower-nonlinear-to-pwl", "--pwl-search=entries=4 seed=1", "-t", "json"]
    pipeline = ["-p", "lower-nonlinear-to-pwl,pwl-search{entries=4 seed=1}", "-t", "json"]
    outputs: list[str] = []
    for arguments in (flags, pipeline):
        assert cli.main([tanh, *arguments]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    (row,) = json.loads(outputs[0])
    assert row["entries"] == 4


def test_named_pipelines_do_the_whole_job(tanh: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([tanh, "--nonlinear-to-arith"]) == 0
    assert "linalg.generic" in capsys.readouterr().out
    assert cli.main([tanh, "--nonlinear-to-hw=entries=4"]) == 0
    assert "hw.module @pwl_tanh" in capsys.readouterr().out


def test_stdin_and_stdout_make_a_filter() -> None:
    done = run("-", "--lower-nonlinear-to-pwl", stdin=TANH)
    assert done.returncode == 0
    assert "pwl.apply #pwl.fn<tanh>" in done.stdout


def test_nothing_is_an_empty_module() -> None:
    for text in ("", "// a comment\n"):
        done = run("--nonlinear-to-arith", stdin=text)
        assert (done.returncode, done.stdout) == (0, "builtin.module {\n}\n")


def test_output_is_the_same_bytes_twice(capsys: pytest.CaptureFixture[str]) -> None:
    outputs: list[str] = []
    for _ in range(2):
        search = "--pwl-search=strategy=genetic generations=10 seed=5"
        assert cli.main([str(BLOCK), "--lower-nonlinear-to-pwl", search]) == 0
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]


def test_json_has_the_keys_that_scripts_depend_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(BLOCK), "--lower-nonlinear-to-pwl", "--pwl-search", "-t", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["function"] for row in rows] == ["exp", "rsqrt", "gelu", "silu"]
    keys = (
        "function input_scale output_scale input_bits output_bits param_bits frac_bits entries "
        "breakpoints slopes intercepts intercept_shift result_shift accumulator_scale strategy "
        "seed mse max_error optimal_mse"
    )
    for row in rows:
        assert set(keys.split()) <= set(row)


def test_help_names_every_pass_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for word in ("--lower-nonlinear-to-pwl", "--pwl-search", "--convert-pwl-to-arith",
                 "--convert-pwl-to-hw", "--verify-pwl", "entries=an integer (default: 8)",
                 "canonicalize"):  # fmt: skip
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-such-pass"], "unrecognized arguments: --no-such-pass"),
        (["-p", "no-such-pass"], "unknown pass 'no-such-pass'"),
        (["-p", "pwl-search{entries=8"], "-p: cannot read"),
        (["-t", "vhdl"], "invalid choice: 'vhdl'"),
        (["-t", "json,report"], "invalid choice: 'json,report' (choose from mlir, "),
        (["-t", "report{cells=a}"], "-t report: unknown option 'cells': report takes liberty"),
        (["-t", "bundle"], "-t bundle writes a folder: name it with -o DIR"),
        (["--pwl-search=entries=0"], "entries must be at least 1, got 0"),
        ([f"--pwl-search=frac-bits={2**63 - 1}"], "frac-bits must be at most 62, got 9223"),
        (["--pwl-search=entries=eight"], "option 'entries' takes an integer, got 'eight'"),
        (["--pwl-search=entries=4 entries=5"], "option 'entries' is given twice"),
        (["--pwl-search=param-bits=99"], "param-bits must be between 2 and 32, got 99"),
        (["--lower-nonlinear-to-pwl=input-scale=0"], "must be positive and finite, got 0"),
        (["--lower-nonlinear-to-pwl=input-scale=-1"], "must be positive and finite, got -1"),
        (["--lower-nonlinear-to-pwl=output-scale=inf"], "must be positive and finite, got inf"),
        (["--verify-pwl=x=1"], "verify-pwl takes no options"),
    ],
)
def test_usage_errors_exit_with_2(
    arguments: list[str], message: str, tanh: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in fails(capsys, 2, tanh, *arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @f(", r"bad\.mlir:1:\d+: error: "),
        ("module {\n  func.func @f() {\n", r"bad\.mlir:\d+:\d+: error: "),
        ("}", r"bad\.mlir:1:1: error: "),
        ("no_such.op", r"bad\.mlir:1:\d+: error: .*no_such"),
        ('"pwl.apply"() : () -> ()', r"bad\.mlir:1:\d+: error: "),
        ("\x00\x01", r"bad\.mlir:1:\d+: error: "),
        (
            "func.func @f(%x: !quant.uniform<i8:f32, 0.0>) { func.return }",
            r"bad\.mlir:1:\d+: error: .*scale 0.0 is not a positive finite number",
        ),
        (
            "func.func @f(%x: !quant.uniform<i8:f32, -1.0>) { func.return }",
            r"bad\.mlir:1:\d+: error: .*scale -1.0 is not a positive finite number",
        ),
        (
            "func.func @f(%x: !quant.uniform<i8:f32, 0x7FF0000000000000>) { func.return }",
            r"bad\.mlir:1:\d+: error: .*scale inf is not a positive finite number",
        ),
    ],
)
def test_bad_text_is_a_diagnostic_with_a_place(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.mlir"
    path.write_text(text)
    output = tmp_path / "out.mlir"
    assert re.search(message, fails(capsys, 1, str(path), "-o", str(output)))
    assert not output.exists()


def test_every_truncation_of_a_file_is_a_diagnostic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = BLOCK.read_text()
    path = tmp_path / "cut.mlir"
    for end in range(text.index("module") + 1, text.rindex("}"), 37):
        path.write_text(text[:end])
        assert "error: " in fails(capsys, 1, str(path))


def test_files_that_cannot_be_read_or_written(
    tanh: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "missing.mlir")
    assert "cannot read: No such file" in fails(capsys, 1, missing)
    assert "cannot read: Is a directory" in fails(capsys, 1, str(tmp_path))
    nowhere = str(tmp_path / "no" / "where.mlir")
    assert "cannot write: No such file" in fails(capsys, 1, tanh, "-o", nowhere)
    assert "cannot write" in fails(capsys, 1, tanh, "-o", str(tmp_path))
    binary = tmp_path / "binary.mlir"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8 text at byte 0" in fails(capsys, 1, str(binary))


def test_a_failing_pass_leaves_the_output_file_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "in.mlir", tmp_path / "out.mlir"
    source.write_text(TANH.replace("{pwl.range = [-4.0, 3.96875]}", ""))
    output.write_text("precious")
    error = fails(capsys, 1, str(source), "--lower-nonlinear-to-pwl", "-o", str(output))
    assert f"{source}:2:3: error: [lower-nonlinear-to-pwl] no input scale for tanh" in error
    assert output.read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["in.mlir", "out.mlir"]


def test_the_output_may_be_the_input(tanh: str) -> None:
    assert cli.main([tanh, "--lower-nonlinear-to-pwl", "-o", tanh]) == 0
    assert cli.main([tanh, "--pwl-search", "-o", tanh]) == 0
    assert "#pwl.table<i8" in Path(tanh).read_text()


def test_a_bug_exits_with_70_and_says_so(
    tanh: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> str:
        raise KeyError("boom")

    monkeypatch.setattr(cli.Session, "render", broken)
    assert cli.main([tanh]) == 70
    assert "internal error: KeyError: 'boom'" in capsys.readouterr().err
    assert cli.main([tanh, "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -m lut_opt.cli {BLOCK} | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_dynamic_and_empty_shapes_go_the_whole_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "shapes.mlir"
    path.write_text(TANH.replace("4xf32", "?x0xf32"))
    passes = ["--lower-nonlinear-to-pwl", "--pwl-search", "--verify-pwl"]
    for end in ("--convert-pwl-to-arith", "--convert-pwl-to-hw"):
        assert cli.main([str(path), *passes, end]) == 0
    assert "hw.module @pwl_tanh" in capsys.readouterr().out


def test_stock_xdsl_opt_knows_the_dialects_and_passes(tanh: str) -> None:
    tool = Path(sys.executable).with_name("xdsl-opt")
    passes = "lower-nonlinear-to-pwl,pwl-search{entries=4},convert-pwl-to-arith"
    done = subprocess.run(
        [str(tool), tanh, "-p", passes], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "linalg.generic" in done.stdout


def test_the_version_names_the_libraries_that_results_depend_on() -> None:
    lines = run("--version").stdout.splitlines()
    assert re.fullmatch(r"lut-opt \d+\.\d+\S*", lines[0])
    assert f"  Python {sys.version.split()[0]}" in lines
    assert any(line.startswith("  xdsl 0.") for line in lines)
    assert any(re.match(r"  torch-mlir (\d|not installed)", line) for line in lines)
