from pathlib import Path

import pytest

from ablations.grid.spec import Resources, parse_grid, with_data_path
from ablations.grid.yaml_file import read_yaml
from pipeline.spec.errors import Impossible, SpecError
from tests.ablations.grids import HEAD, MIXUP, SMOOTHING, grid, let_clash, read_text

LR = "factors: {a: {optimizer.lr: 0.2}}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # not a grid at all
        ("", r"grid\.yaml: expected a mapping with study, base and factors, but the file is empty"),
        ("- a\n- b\n", r"expected a mapping .* but the file is a list"),
        ("just words\n", r"expected a mapping .* but the file is a str"),
        ("study: [\n", r"grid\.yaml, line 2, column 1: is not valid YAML: "),
        (HEAD + "factors:\n\t{}\n", r"(?s)is not valid YAML: .*'\\t'"),
        (HEAD + "factors: !!python/object:os.system {}\n", r"is not valid YAML: .*python/object"),
        (HEAD + "factors: {{x}}\n", r"is not valid YAML: a key must be plain text"),
        (HEAD + "factors: {? [a] : 1}\n", r"is not valid YAML: a key must be plain text"),
        (HEAD + LR + "notes: 2024-13-45\n", r"is not valid YAML: month must be in 1\.\.12"),
        (HEAD + LR + LR, r"line 8, column 1: is not valid YAML: the key 'factors' appears twice"),
        (HEAD + "factors: {a: {precision: fp32}, a: {precision: bf16}}\n", r"the key 'a' appears twice"),
        # the grid's own fields
        ("study: s\n" + LR, r"grid\.yaml: base: is missing, but required"),
        ("study: s\nbase: []\n" + LR, r"grid\.yaml: base: expected a mapping, got an empty list"),
        (HEAD, r"grid\.yaml: factors: is missing, but required"),
        (HEAD + "factors: {}\n", r"grid\.yaml: factors: expected at least 1 entry, got an empty mapping"),
        (HEAD + "factors: [mixup]\n", r"grid\.yaml: factors: expected a mapping, got a list"),
        (HEAD + "factors: {a: }\n", r"grid\.yaml: factors\.a: expected a mapping, got nothing"),
        (HEAD + "factors: {a: {}}\n", r"grid\.yaml: factors\.a: is empty; say what it changes"),
        (HEAD + "factors: {1: {precision: fp32}}\n", r"grid\.yaml: factors: the name 1 is not text; put it in quotes"),
        (HEAD + "factors: {bare: {precision: fp32}}\n", r"factors\.bare: expected a name .* not bare or full"),
        (HEAD + "factors: {full: {precision: fp32}}\n", r"factors\.full: expected a name .* not bare or full"),
        (HEAD + "factors: {'': {precision: fp32}}\n", r"factors\.: expected a name of 1 to 40 letters"),
        (HEAD + "factors: {a+b: {precision: fp32}}\n", r"factors\.a\+b: expected a name"),
        (HEAD + "factors: {a b: {precision: fp32}}\n", r"factors\.a b: expected a name"),
        (HEAD + "factors: {'a|b': {precision: fp32}}\n", r"factors\.a\|b: expected a name"),
        (HEAD + "factors: {..: {precision: fp32}}\n", r"factors\.\.\.: expected a name"),
        (HEAD + "factors: {" + "x" * 41 + ": {precision: fp32}}\n", r"factors\.x+: expected a name"),
        (HEAD + LR + "controls: {a: {precision: fp32}}\n", r"a: a name is either a factor or a control"),
        (HEAD + LR + "factor: {}\n", r"grid\.yaml: factor: there is no such field; did you mean 'factors'\?"),
        (HEAD.replace("tricks", "a/b") + LR, r"grid\.yaml: study: study name 'a/b' cannot name a folder"),
        (HEAD.replace("tricks", "a..b") + LR, r"grid\.yaml: study: study name 'a\.\.b' cannot name a folder"),
        (HEAD + LR + "seeds: 0\n", r"grid\.yaml: seeds: expected a number of seeds from 1 to 1000, .* not 0"),
        (HEAD + LR + "seeds: -1\n", r"seeds: expected .* not -1"),
        (HEAD + LR + "seeds: true\n", r"seeds: expected .* not True"),
        (HEAD + LR + "seeds: three\n", r"seeds: expected .* not 'three'"),
        (HEAD + LR + "seeds: []\n", r"seeds: expected .* not an empty one"),
        (HEAD + LR + "seeds: [-1, 2]\n", r"seeds: expected .* not one with -1"),
        (HEAD + LR + "seeds: [true, 2]\n", r"seeds: expected .* not one with True"),
        (HEAD + LR + "seeds: 3000000000\n", r"seeds: expected .* not 3000000000"),
        (HEAD + LR + "seeds: [1, 2, 1]\n", r"seeds \[1, 2, 1\]: each may appear once"),
        (
            HEAD + LR + "metric: {name: accuracy}\n",
            r"metric\.name: there is no 'accuracy'; did you mean 'balanced_accuracy'\?",
        ),
        (HEAD + LR + "metric: {delta: 0}\n", r"metric\.delta: expected a number above 0, got 0"),
        (HEAD + LR + "design: {kind: all}\n", r"design\.kind: there is no 'all'; known: .*both_ways"),
        (HEAD + LR + "max_runs: 0\n", r"max_runs: expected a number of 1 or more, got 0"),
        (HEAD + LR + "resources: {lane: 2}\n", r"resources\.lane: there is no such field; did you mean 'lanes'\?"),
        # the recipe and its factors
        (HEAD.replace("lr:", "rate:") + LR, r"grid\.yaml: base\.optimizer\.rate: there is no such field; known: "),
        (
            HEAD + "factors: {a: {optimiser: {lr: 1}}}\n",
            r"grid\.yaml: factors\.a\.optimiser: there is no such field; did you mean 'optimizer'\?",
        ),
        (HEAD + "factors: {a: {optimizer.lr: .nan}}\n", r"factors\.a\.optimizer.*\.lr: .*finite number \(got nan\)"),
        (
            HEAD + "factors: {a: {optimizer.lr: -1}}\n",
            r"factors\.a\.optimizer\.lr: expected a number above 0, got -1",
        ),
        (HEAD + "factors: {a: {budget.num_shards: 3}}\n", r"batch_size=20 cannot be cut into num_shards=3"),
        (HEAD + "factors: {a: {schedule: {kind: cosine, warmup_epochs: 2}}}\n", r"warmup_epochs=2.* below .*epochs=2"),
        (
            HEAD + "factors: {a: {strategies: [{kind: mixupp}]}}\n",
            r"grid\.yaml: factors\.a\.strategies: item 0: there is no strategy 'mixupp'; did you mean 'mixup'\?",
        ),
        (HEAD + "factors: {a: {strategies: [{kind: zzz}]}}\n", r"no strategy 'zzz'; known kinds: placebo, "),
        (
            HEAD + "factors: {a: {strategies: [{alpha: 1}]}}\n",
            r"factors\.a\.strategies\.0: says no kind; expected one of ",
        ),
        (
            HEAD + "factors: {a: {strategies: [mixup]}}\n",
            r"factors\.a\.strategies\.0: expected a mapping .* got 'mixup'",
        ),
        (HEAD + "factors: {a: {strategies: {kind: mixup}}}\n", r"factors\.a\.strategies: expected a list"),
        (HEAD + "factors: {a: {recipes: [{kind: teacher}]}}\n", r"no recipe 'teacher'; known recipes: teacher_student"),
        (
            HEAD + "factors: {a: {strategies: [{kind: progressive_resizing, from_px: 64}]}}\n",
            r"factors\.a: .*from_px=64 is above data\.image_size_px=16",
        ),
        (
            HEAD + "factors: {a: {optimizer.lr: 0.2}, b: {optimizer: {lr: 0.3}}}\n",
            r"grid\.yaml: factors 'a' and 'b' both set 'optimizer\.lr'",
        ),
        (
            HEAD + "factors: {a: {budget.batch_size: 15}, b: {budget.num_shards: 2}}\n",
            r"grid\.yaml: base \+ a \+ b\.budget: batch_size=15 cannot be cut into num_shards=2",
        ),
    ],
)
def test_each_fault_names_file_and_field_what_came_and_what_was_expected(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        read_text(tmp_path, text)
    assert "grid.yaml" in str(caught.value)


def test_every_fault_of_a_grid_is_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        read_text(tmp_path, HEAD + LR + "seed: 3\nmax_runs: 0\nresources: {lanes: 0}\n")
    lines = str(caught.value).splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["max_runs", "resources.lanes", "seed"]


def test_a_factor_that_switches_on_two_strategies_that_clash_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "mixup", "label_smoothing")
    both = {"strategies": [*MIXUP["strategies"], *SMOOTHING["strategies"]]}
    message = r"grid\.yaml: factors\.both: .*mixup clashes with label_smoothing: both mix; this factor switches on both"
    with pytest.raises(SpecError, match=message):
        grid(factors={"both": both, "m": {"optimizer.lr": 0.2}})
    with pytest.raises(SpecError, match=r"grid\.yaml: controls\.both: .*mixup clashes with label_smoothing"):
        grid(factors={"a": {"optimizer.lr": 0.2}}, controls={"both": both})


def test_factors_that_clash_are_left_to_the_planner_as_typed_impossibilities(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "mixup", "label_smoothing")
    spec = grid(factors={"m": MIXUP, "s": SMOOTHING})
    reason = r"^strategies: mixup clashes with label_smoothing: both mix; switch one of them off$"
    with pytest.raises(Impossible, match=reason):
        spec.experiment(("m", "s"))


def test_a_value_out_of_range_beside_a_clash_is_a_fault_and_no_impossibility(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "mixup", "label_smoothing")
    base = {"strategies": SMOOTHING["strategies"]}
    for patch in ({"strategies": [{"kind": "mixup", "alpha": -1}]}, {**MIXUP, "optimizer.lr": -1}):
        with pytest.raises(SpecError, match=r"factors\.m\..*: expected a number above") as caught:
            grid(base, factors={"m": patch, "fine": {"precision": "bf16"}})
        assert not isinstance(caught.value, Impossible)


def test_a_base_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "mixup", "label_smoothing")
    base = {"strategies": [*MIXUP["strategies"], *SMOOTHING["strategies"]]}
    with pytest.raises(SpecError, match=r"^grid\.yaml: base: strategies: mixup clashes with label_smoothing"):
        grid(base, factors={"a": {"optimizer.lr": 0.2}})


def test_a_grid_in_which_no_factor_can_be_is_refused_with_every_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    let_clash(monkeypatch, "mixup", "label_smoothing")
    tiny = {"strategies": [{"kind": "progressive_resizing", "from_px": 64}]}
    with pytest.raises(SpecError) as caught:
        grid({"strategies": SMOOTHING["strategies"]}, factors={"m": MIXUP, "tiny": tiny})
    first, second = str(caught.value).splitlines()
    assert first.startswith("grid.yaml: factors.m: strategies: mixup clashes with label_smoothing")
    assert second.startswith("grid.yaml: factors.tiny: strategies: progressive_resizing: from_px=64 is above")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00study"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "gone.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=r"gone\.yaml: cannot be read"):
        read_yaml(path)


def test_a_folder_is_no_grid(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"cannot be read .*[Dd]irectory"):
        read_yaml(tmp_path)


@pytest.mark.parametrize(("written", "seeds"), [("3", (0, 1, 2)), ("1", (0,)), ("[7, 3]", (7, 3))])
def test_seeds_are_a_number_or_a_list(tmp_path: Path, written: str, seeds: tuple[int, ...]) -> None:
    assert read_text(tmp_path, f"{HEAD}{LR}seeds: {written}\n").seeds == seeds


def test_yaml_anchors_may_be_merged_and_overridden(tmp_path: Path) -> None:
    text = HEAD.replace("optimizer: {", "optimizer: &sgd {") + "factors: {a: {optimizer: {<<: *sgd, lr: 0.5}}}\n"
    assert read_text(tmp_path, text).factors["a"]["optimizer"] == {"kind": "sgd", "lr": 0.5}


def test_a_recipe_is_what_a_person_would_write_and_its_experiment_has_every_default() -> None:
    spec = grid(factors={"fast": {"optimizer.lr": 0.5}, "smooth": SMOOTHING})
    recipe = spec.recipe(("fast", "smooth"))
    assert recipe["optimizer"] == {"kind": "sgd", "lr": 0.5}
    assert recipe["strategies"] == SMOOTHING["strategies"]
    experiment = spec.experiment(("fast", "smooth"))
    assert experiment.optimizer.lr == 0.5 and experiment.optimizer.weight_decay == 5e-5
    assert spec.recipe(()) == spec.base, "no factor changes the base"


def test_dotted_paths_in_the_base_count_and_the_grid_is_kept_as_read() -> None:
    spec = grid(base={"optimizer": {"kind": "sgd"}, "optimizer.lr": 0.3}, factors={"m": MIXUP})
    assert spec.experiment(()).optimizer.lr == 0.3
    assert spec.base["optimizer"] == {"kind": "sgd"}


@pytest.mark.parametrize("base", [{"data": {"kind": "image_folder", "path": "a"}}, {"data.path": "a"}, {"data": {}}])
def test_another_data_path_replaces_the_grids_own_however_it_is_written(base: dict) -> None:
    if base == {"data.path": "a"}:
        base = {**base, "data.kind": "image_folder"}
    raw = {"study": "s", "base": base}
    changed = with_data_path(raw, "/b")
    assert changed["base"]["data"]["path"] == "/b"
    assert "/b" not in repr(raw)
    assert with_data_path(raw, None) == raw


def test_a_data_path_leaves_a_malformed_grid_to_the_parser() -> None:
    for raw in ({}, {"base": []}, {"base": {"data": "digits"}}):
        assert with_data_path(raw, "/b") == raw
        with pytest.raises(SpecError, match=r"^grid\.yaml: "):
            parse_grid(raw, "grid.yaml")


def test_resources_have_no_say_in_what_an_experiment_is() -> None:
    spec = grid(factors={"m": MIXUP}, resources={"lanes": 2})
    assert spec.resources == Resources(lanes=2)
    assert spec.experiment(()) == grid(factors={"m": MIXUP}).experiment(())


def test_a_path_for_data_that_has_none_is_refused() -> None:
    raw = {"base": {"data": {"kind": "digits"}}}
    with pytest.raises(SpecError, match=r"--data .*'photos', but base\.data is of kind digits"):
        with_data_path(raw, "photos")
