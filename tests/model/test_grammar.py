import copy
import json
import pickle
import tracemalloc
from dataclasses import FrozenInstanceError
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given

import oracles
import srhm.model.grammar as room
from srhm import Grammar, Params, Stream
from srhm.model.grammar import _draw_until_distinct, _shuffle_all_tuples
from srhm.randomness import STREAM_VERSION, fold, role_key
from strategies import any_params

MODEL = Params(n_c=3, v=4, m=2, s=2, s0=1, L=2)


@given(any_params())
def test_tuples_are_distinct(params):
    grammar = Grammar(params, 3)
    for level in range(1, params.L + 1):
        rules = grammar.rules[level - 1]
        assert rules.shape == (params.level(level).parents, params.m, params.s) and rules.dtype == np.int32
        assert rules.min() >= 0 and rules.max() < params.v
        tuples = rules.reshape(-1, params.s).tolist()
        assert len(set(map(tuple, tuples))) == len(tuples)


def tuple_numbers(tuples, v):
    return (tuples @ v ** np.arange(tuples.shape[-1])[::-1]).tolist()


@pytest.mark.parametrize(
    ("n_c", "v", "m"),
    [(2, 2, 1), (2, 2, 2), (2, 3, 1), (3, 2, 1)],
    ids=["half of all", "all, shuffled", "few of many", "three parents"],
)
def test_every_ordered_rule_set_is_equally_likely(n_c, v, m):
    """The rules of one level are an ordered choice of n_c m of the v^s tuples (false alarm 2e-4 each)."""
    params = Params(n_c=n_c, v=v, m=m, s=2, s0=0, L=1)
    every = {chosen: i for i, chosen in enumerate(permutations(range(v**2), n_c * m))}
    drawn = [
        every[tuple(tuple_numbers(Grammar(params, seed).rules[0].reshape(-1, 2), v))]
        for seed in range(12 * len(every))
    ]
    oracles.check_uniform(drawn, len(every))


@pytest.mark.parametrize("draw", [_shuffle_all_tuples, _draw_until_distinct])
@pytest.mark.parametrize(("needed", "v", "s"), [(2, 2, 2), (4, 2, 2), (1, 3, 2)])
def test_both_ways_of_drawing_have_this_law(draw, needed, v, s):
    every = {chosen: i for i, chosen in enumerate(permutations(range(v**s), needed))}
    key = role_key(0, "grammar")
    drawn = [every[tuple(tuple_numbers(draw(fold(key, n), needed, v, s), v))] for n in range(20 * len(every))]
    oracles.check_uniform(drawn, len(every))


def test_levels_and_parents_are_independent():
    """Two levels of one seed, and the seeds themselves, are unrelated (false alarm 2e-4)."""
    params = Params(n_c=2, v=2, m=1, s=2, s0=0, L=3)
    first = [[tuple_numbers(level[0], 2)[0] for level in Grammar(params, seed).rules] for seed in range(1000)]
    below, middle, top = np.array(first).T
    for one, other in [(below, middle), (middle, top), (below, top), (below[:-1], below[1:])]:
        oracles.check_independent(one, other, (4, 4))


def test_drawing_goes_on_until_all_are_found():
    """All 10^3 tuples, of which one round of 2064 draws finds 870: the first ones of the endless sequence."""
    key = role_key(1, "grammar")
    drawn = _draw_until_distinct(key, 1000, 10, 3)
    codes = tuple_numbers(drawn, 10)
    assert sorted(codes) == list(range(1000))
    fewer = tuple_numbers(_draw_until_distinct(key, 900, 10, 3), 10)
    assert fewer == codes[:900]


def test_large_tuple_spaces_are_never_built(monkeypatch):
    """v^s = 32^5 = 3.4e7 tuples would take 270 MB; the rules take 20 kB a level."""
    monkeypatch.setattr(room, "_shuffle_all_tuples", None)
    tracemalloc.start()
    grammar = Grammar(Params(n_c=32, v=32, m=32, s=5, s0=1, L=2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert grammar.rules[0].shape == (32, 32, 5) and peak < 2e6
    parents, choices = grammar.parents_of(1, grammar.rules[0])
    assert (parents == np.arange(32)[:, None]).all() and (choices == np.arange(32)).all()


def test_dense_rules_need_a_shuffle(monkeypatch):
    monkeypatch.setattr(room, "_draw_until_distinct", None)
    assert Grammar(Params(n_c=10, v=10, m=10, s=2, s0=1, L=2)).rules[0].shape == (10, 10, 2)


@given(any_params())
def test_parents_are_found(params):
    grammar = Grammar(params, 8)
    for level in range(1, params.L + 1):
        parents, choices = grammar.parents_of(level, grammar.rules[level - 1])
        assert (parents == np.arange(params.level(level).parents)[:, None]).all()
        assert (choices == np.arange(params.m)).all()


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_parents_of_every_tuple(dtype):
    """Against a dictionary, tuples that no rule produces and numbers that are no features included."""
    grammar = Grammar(MODEL, 2)
    for level in (1, 2):
        owners = {
            tuple(grammar.rules[level - 1][rule]): rule
            for rule in np.ndindex(grammar.rules[level - 1].shape[:2])
        }
        low = 0 if np.dtype(dtype).kind == "u" else -4
        every = list(product(range(low, 10), repeat=2))
        expected = [owners.get(one, (-1, -1)) for one in every]
        found = grammar.parents_of(level, np.array(every, dtype).reshape(2, -1, 2))
        assert (np.stack(found, axis=-1).reshape(-1, 2) == np.array(expected)).all()
    assert grammar.parents_of(1, np.empty((0, 2), dtype))[0].shape == (0,)


def test_bad_lookups(refuses):
    grammar = Grammar(MODEL)
    for level, fix in [(0, "Use level >= 1"), (3, "Use level <= 2")]:
        with refuses("level", level, fix):
            grammar.parents_of(level, grammar.rules[0])
    for tuples in (np.zeros((5, 3), int), np.zeros((5, 2)), np.array(3), [[1, 2], [1, 2.5]]):
        with refuses("tuples", repr(np.asarray(tuples)), "Give integers of shape [..., 2]"):
            grammar.parents_of(1, tuples)


def test_equality_and_hash():
    grammar = Grammar(MODEL, 5)
    assert grammar == Grammar(MODEL, 5) and hash(grammar) == hash(Grammar(MODEL, 5))
    assert grammar != Grammar(MODEL, 6) and grammar != "grammar"
    assert grammar == Grammar.from_rules(MODEL, grammar.rules)
    other_blanks = Params(n_c=3, v=4, m=2, s=2, s0=2, L=2)
    assert (Grammar(other_blanks, 5).rules[0] == grammar.rules[0]).all() and Grammar(
        other_blanks, 5
    ) != grammar
    assert len({grammar, Grammar(MODEL, 5), Grammar(MODEL, 6)}) == 2
    assert grammar.digest[:8] in repr(grammar) and "seed=5" in repr(grammar)


def test_rules_are_read_only():
    given = [rules.copy() for rules in Grammar(MODEL).rules]
    for grammar in (Grammar(MODEL), Grammar.from_rules(MODEL, given)):
        with pytest.raises(ValueError, match="read-only"):
            grammar.rules[0][0, 0, 0] = 1
    given[0][0, 0, 0] = 1  # those that were given still belong to who gave them


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))]
)
def test_copies_are_read_only_and_equal(copied):
    grammar = Grammar(MODEL, 3)
    assert grammar.digest and grammar.parents_of(1, grammar.rules[0])  # both are kept once they are known
    stream = copied(Stream(grammar, 0))
    for again in (copied(grammar), stream.grammar):
        assert again == grammar and hash(again) == hash(grammar) and again.seed == 3
        for level_rules in again.rules:
            with pytest.raises(ValueError, match="read-only"):
                level_rules[0, 0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        stream.seed = 1
    with pytest.raises(FrozenInstanceError):
        copied(MODEL).v = 9


def test_the_digest_of_a_copy_is_that_of_its_rules():
    """Nothing that was found for other rules is taken over from a pickle."""
    again = Grammar.__new__(Grammar)
    again.__setstate__(vars(Grammar(MODEL, 4)) | {"digest": Grammar(MODEL, 3).digest})
    assert again == Grammar(MODEL, 4)


def test_seeds(refuses):
    assert Grammar(MODEL, np.uint64(2**64 - 1)).seed == 2**64 - 1
    for seed in (-1, 2**64):
        with refuses("seed", seed, "Use seed >= 0" if seed < 0 else f"Use seed <= {2**64 - 1}"):
            Grammar(MODEL, seed)
    for seed in (1.5, "1", None):
        with refuses("seed", repr(seed), "Give seed as an int"):
            Grammar(MODEL, seed)


def test_given_rules(unchecked):
    rules = [
        [[[0, 0], [0, 1]], [[1, 0], [1, 1]], [[2, 0], [2, 1]], [[3, 0], [3, 1]]],
        [[[0, 0], [3, 3]], [[1, 1], [2, 2]], [[1, 2], [2, 1]]],
    ]
    grammar = Grammar.from_rules(MODEL, rules)
    assert [level.tolist() for level in grammar.rules] == rules and grammar.seed is None
    assert Grammar.from_rules(MODEL, [np.array(level, np.uint8) for level in rules]) == grammar


def changed(change):
    rules = [level.tolist() for level in Grammar(MODEL).rules]
    change(rules)
    return rules


@pytest.mark.parametrize(
    ("argument", "rules", "fix"),
    [
        ("rules", [], "Give 2 levels"),
        ("rules", Grammar(MODEL).rules * 2, "Give 2 levels"),
        (
            "rules[0]",
            Grammar(MODEL).rules[::-1],
            "Give [parent, m, s], level 1 (the input) first and the classes last",
        ),
        (
            "rules[1]",
            changed(lambda rules: rules[1].pop()),
            "Give [parent, m, s], level 1 (the input) first and the classes last",
        ),
        (
            "rules[1]",
            changed(lambda rules: rules[1][2][1].pop()),
            "Give [parent, m, s], level 1 (the input) first and the classes last",
        ),
        (
            "rules[0]",
            [level.astype(float) for level in Grammar(MODEL).rules],
            "Give [parent, m, s], level 1 (the input) first and the classes last",
        ),
        (
            "rules[0]",
            [level.astype(bool) for level in Grammar(MODEL).rules],
            "Give [parent, m, s], level 1 (the input) first and the classes last",
        ),
        ("rules[0]", [None, None], "Give [parent, m, s], level 1 (the input) first and the classes last"),
        ("rules[0]", ["ab", "cd"], "Give [parent, m, s], level 1 (the input) first and the classes last"),
        ("rules[0]", [level + 1 for level in Grammar(MODEL).rules], "Number the features 0 to 3"),
        ("rules[0]", [level - 1 for level in Grammar(MODEL).rules], "Number the features 0 to 3"),
        (
            "rules[0]",
            changed(lambda rules: rules[0][3][1].__setitem__(0, 2**80)),
            "Give [parent, m, s], level 1 (the input) first and the classes last",
        ),
        (
            "rules[0]",
            changed(lambda rules: rules[0][3].__setitem__(1, rules[0][0][0])),
            "Give every tuple to one parent only, once",
        ),
        (
            "rules[1]",
            changed(lambda rules: rules[1][2].__setitem__(1, rules[1][2][0])),
            "Give every tuple to one parent only, once",
        ),
    ],
)
def test_bad_rules(refuses, argument, rules, fix):
    with refuses(argument, "", fix):
        Grammar.from_rules(MODEL, rules)


def test_rules_whose_order_is_not_known_are_refused(refuses):
    """Where n_c = v rules are as good upside down; the code in circulation holds a mapping, classes first."""
    square = Params(n_c=4, v=4, m=2, s=2, s0=1, L=2)
    low, top = Grammar(square).rules
    fix = (
        "Give a list, the rules of level 1 (the input) first and those of the classes last; "
        "srhm.compat.grammar_of_layers takes layers that are numbered from the classes on"
    )
    for keys in ((0, 1), (1, 2)):
        with refuses("rules", f"'dict with the keys {list(keys)}'", fix):
            Grammar.from_rules(square, dict(zip(keys, (top, low), strict=True)))
    with refuses("rules", "'generator'", fix):
        Grammar.from_rules(square, (level for level in (low, top)))
    assert Grammar.from_rules(square, np.stack([low, top])) == Grammar(square)
    low, top = Grammar(MODEL).rules
    with refuses("rules[0]", "", "Give [parent, m, s], level 1 (the input) first and the classes last"):
        Grammar.from_rules(MODEL, [top, low])


@given(any_params())
def test_json_round_trip(params):
    grammar = Grammar(params, 2**64 - 1)
    again = Grammar.from_json(grammar.to_json())
    assert again == grammar and again.seed == grammar.seed and again.to_json() == grammar.to_json()


def test_json_is_readable():
    text = Grammar(MODEL).to_json()
    content = json.loads(text)
    assert content["params"] == {"n_c": 3, "v": 4, "m": 2, "s": 2, "s0": 1, "L": 2, "sparsity": "A"}
    assert content["stream_version"] == STREAM_VERSION and content["seed"] == 0
    assert [np.shape(level) for level in content["rules"]] == [(4, 2, 2), (3, 2, 2)]
    assert len(text.splitlines()) == 2 + 5 + 2 + (4 + 2) + (3 + 2)  # one line a parent


def test_files(tmp_path):
    grammar = Grammar(MODEL, 4)
    path = tmp_path / "rules.json"
    grammar.save(path)
    assert Grammar.load(path) == grammar and Grammar.load(str(path)).seed == 4
    Grammar(MODEL, 5).save(str(path))
    assert Grammar.load(path).seed == 5 and list(tmp_path.iterdir()) == [path]
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode  # others may read it as any file


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "rules.json"
    Grammar(MODEL, 4).save(path)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        Grammar(MODEL, 5).save(path)
    assert Grammar.load(path).seed == 4 and list(tmp_path.iterdir()) == [path]


def test_rules_without_a_seed_are_saved():
    grammar = Grammar.from_rules(MODEL, Grammar(MODEL, 4).rules)
    assert Grammar.from_json(grammar.to_json()).seed is None


def test_seed_of_another_version_is_dropped():
    content = json.loads(Grammar(MODEL, 4).to_json())
    again = Grammar.from_json(json.dumps(content | {"stream_version": STREAM_VERSION + 1, "seed": 17}))
    assert again.seed is None and again == Grammar(MODEL, 4)


FIX = "Give the text of to_json, unchanged"


@pytest.mark.parametrize(
    ("argument", "change", "fix"),
    [
        *(("text", text, FIX) for text in ("", "{", "[]", "3", "null", '"text"', "NaN", "[" * 100_000)),
        *(
            ("text", {name: None}, FIX)
            for name in ("format", "params", "rules", "digest_", "seed_", "stream_version_")
        ),
        ("text", {"format": "other"}, FIX),
        ("text", {"params": [3, 4, 2, 2, 1, 2]}, FIX),
        ("text", {"params": {"n_c": 3}}, FIX),
        ("text", {"params": {"n_c": 3, "v": 4, "m": 2, "s": 2, "s0": 1, "L": 2, "depth": 2}}, FIX),
        ("text", {"rules": 5}, FIX),
        ("L", {"params": {"n_c": 3, "v": 4, "m": 2, "s": 2, "s0": 1, "L": 2.0}}, "Give L as an int"),
        ("m", {"params": {"n_c": 3, "v": 4, "m": 20, "s": 2, "s0": 1, "L": 2}}, "Use m <= 5"),
        ("digest", {"params": {"n_c": 3, "v": 4, "m": 2, "s": 2, "s0": 2, "L": 2}}, FIX),
        ("rules", {"params": {"n_c": 3, "v": 4, "m": 2, "s": 2, "s0": 1, "L": 3}}, "Give 3 levels"),
        ("rules", {"rules": []}, "Give 2 levels"),
        ("rules", {"rules": "abc"}, "Give 2 levels"),
        ("rules[0]", {"rules": "ab"}, "Give [parent, m, s], level 1 (the input) first and the classes last"),
        (
            "rules[0]",
            {"rules": {"0": [], "1": []}},
            "Give [parent, m, s], level 1 (the input) first and the classes last",
        ),
        (
            "rules[0]",
            {"rules": [5, 5]},
            "Give [parent, m, s], level 1 (the input) first and the classes last",
        ),
        ("digest", {"digest": "0" * 64}, FIX),
        ("digest", {"digest": None}, FIX),
        ("digest", {"rules": [level.tolist() for level in Grammar(MODEL, 1).rules]}, FIX),
        ("seed", {"seed": 1}, FIX),
        ("seed", {"seed": "0"}, "Give seed as an int"),
        ("seed", {"seed": 0.0}, "Give seed as an int"),
        ("seed", {"seed": -1}, "Use seed >= 0"),
        ("stream_version", {"stream_version": "1"}, "Give stream_version as an int"),
        ("stream_version", {"stream_version": 0}, "Use stream_version >= 1"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_corrupted_json(refuses, argument, change, fix):
    content = json.loads(Grammar(MODEL).to_json())
    if isinstance(change, str):
        text = change
    elif next(iter(change)).endswith("_"):  # left out
        text = json.dumps({name: value for name, value in content.items() if name + "_" not in change})
    else:
        text = json.dumps(content | change)
    with refuses(argument, "", fix):
        Grammar.from_json(text)


def test_cut_files(refuses):
    """Every beginning of the text is refused."""
    text = Grammar(MODEL).to_json().rstrip()
    for length in range(0, len(text), 7):
        with refuses("text", "", FIX):
            Grammar.from_json(text[:length])
