"""The open question: arms that differ in one thing, the exponents of a law that we choose, and the command."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import srhm
from fake_runs import fake_run
from paper_oracle import work
from srhm.cli import main
from srhm.paper.open_question import ARMS, arm_results, arms_named, compute, page, studies
from srhm.paper.tiers import cost_near
from srhm.runner.executors import InProcess
from srhm.store import Store
from srhm.store.index import RunIndex
from srhm.study import Run, RunSpec, Seeds

POWERS = {"L2": 2.0, "batch-1": 3.0, "L1": 1.5}


def run_of(spec: RunSpec, P_star: float) -> Run:
    error = min(0.75, 0.1 * (P_star / spec.P) ** 2)
    return replace(fake_run(spec), metrics=fake_run(spec).metrics | {"error": error})


def runs_by_law(name: str, seeds: int = 4) -> list[Run]:
    """Runs about P* = 60 (s0+1)^power, 5% apart from seed to seed."""
    found = []
    for setting in ARMS[name].settings:
        blanks = setting.params.s0 + 1
        for seed in range(seeds):
            P_star = 60 * blanks ** POWERS[name] * (0.95, 1.05, 1.0, 1.0)[seed]
            Ps = {min(round(P_star * factor), setting.largest) for factor in (0.5, 0.97, 1.03, 2.0)}
            found += [run_of(setting.at(P, seed), P_star) for P in sorted(Ps)]
    return found


def leaves(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested dictionaries by their paths."""
    found = {}
    for key, value in content.items():
        inside = isinstance(value, dict)
        found |= leaves(value, f"{prefix}{key}.") if inside else {prefix + key: value}
    return found


def test_an_arm_differs_from_the_plain_network_in_one_thing():
    """And its rate is the same at every s0, unlike the published ones."""
    plain = {setting.params.s0: leaves(setting.to_dict()) for setting in ARMS["L2"].settings}
    for arm in ARMS.values():
        if arm.settings[0].net.family == "cnn":
            assert len({setting.optimizer.rate for setting in arm.settings}) == 1
        if arm.group in ("depth", "matched", "rate", "flow"):
            continue
        for setting in arm.settings:
            base, own = plain[setting.params.s0], leaves(setting.to_dict())
            changed = {key for key in base.keys() | own.keys() if base.get(key) != own.get(key)}
            assert len(changed) == 1 and changed <= {
                "net.width", "net.frozen_layers", "net.shared_layers", "net.init", "optimizer.batch_per_class"
            }  # fmt: skip
    flow = [leaves(arm.settings[0].to_dict()) for arm in ARMS.values() if arm.group == "flow"]
    for own in flow[1:]:
        changed = {key for key in flow[0].keys() | own.keys() if flow[0].get(key) != own.get(key)}
        assert changed and changed <= {"optimizer.rate", "optimizer.batch_per_class"}
    others = [
        arm for arm in ARMS.values() if arm.group != "matched" and arm.name != "L2-more"
    ]  # shares s0 = 3 with L2
    hashes = [setting.digest for arm in others for setting in arm.settings]
    assert len(set(hashes)) == len(hashes)


def test_matched_arms_differ_in_depth_alone():
    for names in (("L2-v4", "L3"), ("L1-s3-v3", "L2-s3-more")):
        by_depth = [{one.params.s0: leaves(one.to_dict()) for one in ARMS[name].settings} for name in names]
        for s0 in by_depth[0].keys() & by_depth[1].keys():
            first, second = (of_depth[s0] for of_depth in by_depth)
            changed = {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}
            assert "params.L" in changed <= {"params.L", "measuring.P_test"}, (names, s0)


def test_the_exponent_of_the_law_is_found():
    for name, power in POWERS.items():
        (result,) = arm_results([ARMS[name]], RunIndex(runs_by_law(name)))
        low, high = result.exponent.interval
        assert result.exponent.slope == pytest.approx(power, abs=0.06) and low < power < high
        assert result.half_width == pytest.approx((high - low) / 2)
        blanks = [setting.params.s0 for setting in ARMS[name].settings]
        assert result.exponent.points == 4 * sum(s0 > 0 for s0 in blanks)
        assert result.exponent_with_zero.points == 4 * len(blanks)
        for s0, found in result.P_star.items():
            assert found.P_star == pytest.approx(60 * (s0 + 1) ** power, rel=0.05)


def test_what_is_not_known_is_not_told():
    (nothing,) = arm_results([ARMS["L2"]], RunIndex(()))
    assert nothing.exponent is None and nothing.half_width is None and not any(nothing.P_star.values())
    (three,) = arm_results([ARMS["L2"]], RunIndex(runs_by_law("L2", seeds=3)))
    assert not any(three.P_star.values()), "one replicate has no run"
    text = page(arm_results(ARMS.values(), RunIndex(runs_by_law("L2"))))
    assert "| L = 2, v = 6 | 6" in text and text.count("not run, about") > 20
    assert next(line for line in text.splitlines() if line.startswith("## ")) == "## Depth and patch size"


def test_seeds_that_never_learned_are_not_left_out():
    """P* of a s0 at which one seed stays above the largest P is a bound, and no exponent counts the others."""
    runs = runs_by_law("L2")
    (whole,) = arm_results([ARMS["L2"]], RunIndex(runs))
    (setup,) = (setting for setting in ARMS["L2"].settings if setting.params.s0 == 1)
    kept = [run for run in runs if (run.spec.params.s0, run.spec.seeds) != (1, Seeds.replicate(3))]
    never = run_of(setup.at(setup.largest, 3), 2.0 * setup.largest)
    (result,) = arm_results([ARMS["L2"]], RunIndex([*kept, never]))
    assert result.P_star[1].P_star is None and result.P_star[1].status == "above"
    assert result.exponent.points == whole.exponent.points - 4
    (row,) = (line for line in page([result]).splitlines() if line.startswith("| L = 2, v = 6 "))
    assert f"> {result.P_star[1].interval[0]:,.0f} |" in row


def test_what_is_missing_is_computed_and_the_rest_is_not(tmp_path: Path):
    store = Store(tmp_path / "runs.sqlite")
    first = compute([ARMS["width-64"]], store, lambda: InProcess(work), tmp_path / "out")
    assert first["computed"] > 0 and first["failed"] == 0
    assert {Path(file).name for file in first["files"]} == {"exponents.md", "exponents.pdf", "exponents.png"}
    again = compute([ARMS["width-64"]], store, lambda: InProcess(work), tmp_path / "out")
    assert again["computed"] == 0
    assert "| width 64 |" in (tmp_path / "out" / "exponents.md").read_text()
    silent = compute([ARMS["L2"]], Store(tmp_path / "other.sqlite"), None, tmp_path / "none")
    assert silent["computed"] == 0 and len(silent["files"]) == 1


def test_the_cheapest_search_comes_first():
    asked = studies(ARMS.values())
    costs = [cost_near(one.setup) for one in asked]
    assert costs == sorted(costs)
    assert {one.replicates for one in asked} == {2, 3, 4}
    assert all(
        (one.replicates == 2) == bool(getattr(one.setup.net.options, "frozen_layers", ())) for one in asked
    )


def test_the_command_names_its_arms(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["open-question", "width", "L1", "--plan", "--json"])
    content = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in content] == ["width-64", "width-128", "width-512", "L1"]
    assert all(one["core_seconds"] > 0 for one in content)
    (tmp_path / "none.sqlite").touch()
    main(["open-question", "--draw", "--store", "none.sqlite", "--out", "o"])
    assert (tmp_path / "o" / "exponents.md").exists()
    with pytest.raises(SystemExit) as ended:
        main(["open-question", "depht"])
    assert ended.value.code == 2 and "is not an arm of the experiment" in capsys.readouterr().err
    assert [arm.name for arm in arms_named(["L1", "L1"])] == ["L1"]
    with pytest.raises(srhm.ArgumentError, match="arms = 'x'"):
        arms_named(["x"])
