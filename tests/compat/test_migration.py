"""The Random Hierarchy Model by the names of the code in circulation: the same data, in their layouts."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from folders import ROOT
from srhm import (
    ArgumentError,
    Dataset,
    Grammar,
    MissingExtraError,
    Params,
    Stream,
    enumerate_all,
    expand,
    parse,
    rhm,
    split,
)
from srhm import compat as migration

torch = pytest.importorskip("torch", reason="needs PyTorch, which make test installs")

PAGE = (ROOT / "docs" / "migration.md").read_text("utf-8")


def symbols(features):
    """The features [sample, position] that one-hot inputs [sample, channel, position] stand for."""
    return features.argmax(dim=1).numpy()


@given(st.integers(2, 3), st.integers(1, 2), st.integers(2, 4), st.integers(2, 4), st.data())
def test_all_data_once_by_either_names(s, L, v, n_c, data):
    """Training and test set together are the whole model, and both generations of names give the same one."""
    m = data.draw(st.integers(1, min(3 if L == 1 else 2, v**s // max(n_c, v))))
    params = Params(n_c=n_c, v=v, m=m, s=s, s0=0, L=L)
    P_test = data.draw(st.integers(1, params.P_max - 1))
    shared = {"num_features": v, "num_classes": n_c, "num_layers": L}
    first = rhm(m=m, s=s, seed=3, seed_traintest_split=5, testsize=P_test, **shared)
    second = rhm(num_synonyms=m, tuple_size=s, seed_rules=3, seed_sample=5, test_size=P_test, **shared)
    ours = split(Grammar(params, 3), params.P_max - P_test, P_test, 5)
    for sets in (first, second):
        assert sets.grammar == Grammar(params, 3)
        for one, other in ((sets.train, ours.train), (sets.test, ours.test)):
            assert np.array_equal(symbols(one.features), other.encode("integer"))
            assert np.array_equal(one.labels, other.labels) and one.labels.dtype == torch.int64
    seen = np.concatenate([symbols(first.train.x), symbols(first.test.x)])
    every = expand(first.grammar, enumerate_all(params))
    assert sorted(map(bytes, seen)) == sorted(map(bytes, every.features[0].astype(seen.dtype)))
    assert np.array_equal(parse(first.grammar, symbols(first.test.x)).label, first.test.targets)


def test_layouts_and_values():
    """Each format and whitening against its definition, computed here from the integers."""
    shared = {"num_features": 5, "num_classes": 3, "num_layers": 2}
    first = {"m": 4, "max_dataset_size": 40, "testsize": 10} | shared
    second = {"num_synonyms": 4, "train_size": 30, "test_size": 10, "seed_sample": 0} | shared
    integers = torch.from_numpy(rhm(**first).train.data.encode("integer")).long()
    onehot = torch.nn.functional.one_hot(integers, 5).float().permute(0, 2, 1)
    for names in (first, second):
        plain = rhm(**names).train.features
        assert plain.shape == (30, 5, 4) and torch.equal(plain, onehot)
        assert torch.equal(rhm(**names, input_format="long").train.features, integers + 1)
        decimal = rhm(**names, input_format="decimal").train.features
        assert decimal.shape == (30, 1, 4) and decimal.dtype == torch.float32
        torch.testing.assert_close(decimal[:, 0], 2 * ((integers + 1) / 5 - 1))
    whitened = rhm(**first, whitening=1).train.features
    torch.testing.assert_close(whitened, torch.where(onehot == 1, 1.0, -0.5))
    later = rhm(**second, whitening=1).train.features  # over the channels: mean 0, squared norm 1
    torch.testing.assert_close(later.sum(1), torch.zeros(30, 4), atol=1e-6, rtol=0)
    torch.testing.assert_close(later.square().sum(1), torch.ones(30, 4))
    assert torch.equal(later > 0, onehot == 1) and later.is_contiguous() and whitened.is_contiguous()


def test_sizes_and_defaults():
    """Defaults are those of the code whose names are used; P_max is 2 * 2^3 = 16 there."""
    assert len(rhm().train) == 16 and rhm().test is None
    by_first = rhm(m=2)
    assert (len(by_first.train), len(by_first.test)) == (13, 3)  # a fifth to test
    assert rhm(m=2, testsize=0).test is None
    large = {"num_features": 8, "num_classes": 8, "m": 8}
    assert len(rhm(**large, max_dataset_size=4096).test) == 819
    assert len(rhm(**large, num_layers=3, max_dataset_size=110_000).test) == 20_000
    sets = rhm(num_features=8, num_classes=8, num_synonyms=8, train_size=400, test_size=80)
    assert np.array_equal(np.bincount(sets.train.labels), [50] * 8), (
        "P counts all points, of balanced classes"
    )


@pytest.mark.parametrize(
    "names", [{"m": 2, "unique_datapoints": 0}, {"num_synonyms": 2, "replacement": True}]
)
def test_draws_with_repeats(names):
    """More draws than there are data, and where too many data for a permutation exist."""
    size = "max_dataset_size" if "m" in names else "train_size"
    features = rhm(**names, **{size: 600}).train.features
    assert len({x.numpy().tobytes() for x in features}) == 16
    huge = rhm(num_features=8, num_classes=8, num_synonyms=8, num_layers=5, train_size=20, test_size=10)
    assert len(huge.train) == 20 and huge.train.data.stream.rule == "replacement"


def test_sets_serve_loaders_and_transforms():
    sets = rhm(num_synonyms=2, train_size=12, test_size=4, transform=lambda x, y: (x.flatten(), -y))
    batches = list(torch.utils.data.DataLoader(sets.train, batch_size=5))
    assert [len(y) for _, y in batches] == [5, 5, 2]
    assert torch.equal(torch.cat([x for x, _ in batches]), sets.train.features.flatten(1))
    assert torch.equal(torch.cat([y for _, y in batches]), -sets.train.labels)


@pytest.mark.parametrize(
    ("arguments", "argument", "value", "fix"),
    [
        ({"num_synonyms": 2, "m": 2}, "num_synonyms", "2", "Use m in place of num_synonyms"),
        ({"m": 2, "train_size": 9}, "train_size", "9", "Use max_dataset_size in place of train_size"),
        ({"testsize": 2, "seed_rules": 1}, "seed_rules", "1", "Use seed in place of seed_rules"),
        (
            {"whitening": 1},
            "whitening",
            "1",
            "Give the number of synonyms too, as m (2023) or as num_synonyms (later)",
        ),
        (
            {"num_feature": 8},
            "num_feature",
            "8",
            "Did you mean 'num_features'? See the names in the description of srhm.rhm",
        ),
        ({"zzz": 8}, "zzz", "8", "See the names in the description of srhm.rhm"),
        ({"m": 40}, "m", "40", "Use m <= 32"),
        ({"num_synonyms": 40}, "num_synonyms", "40", "Use num_synonyms <= 32"),
        ({"tuple_size": 1}, "tuple_size", "1", "Use tuple_size >= 2"),
        ({"num_layers": 0}, "num_layers", "0", "Use num_layers >= 1"),
        ({"seed_rules": -1}, "seed_rules", "-1", "Use seed_rules >= 0"),
        ({"seed_traintest_split": 0.5}, "seed_traintest_split", "0.5", "Give seed_traintest_split as an int"),
        ({"whitening": 2, "m": 2}, "whitening", "2", "Use 0 or 1"),
        (
            {"whitening": 1, "m": 2, "input_format": "long"},
            "whitening",
            "1",
            "Use whitening=0, or input_format='onehot'",
        ),
        ({"transform": 3}, "transform", "3", "Give a function of (input, label)"),
        ({"train_size": 0}, "train_size", "0", "Use train_size >= 1"),
        (
            {"train_size": 16, "test_size": 1},
            "train_size",
            "16",
            "Use at most 16 points in all, or draw with replacement",
        ),
        ({"test_size": 16}, "test_size", "16", "Use fewer"),
        ({"testsize": 0.2}, "testsize", "0.2", "Give testsize as an int"),
        ({"num_layers": 6}, "train_size", "-1", "Give train_size as a number of points"),
        ({"replacement": True}, "train_size", "-1", "Give train_size as a number of points"),
        (
            {"m": 2, "unique_datapoints": 0},
            "max_dataset_size",
            "None",
            "Give max_dataset_size as a number of points",
        ),
    ],
)
def test_bad_arguments(refuses, arguments, argument, value, fix):
    with refuses(argument, value, fix):
        rhm(**arguments)


@pytest.mark.parametrize("name", sorted(migration._REFUSED))
def test_names_that_are_refused_say_what_to_use(name):
    with pytest.raises(ArgumentError, match=f"^{name} = 7 is not supported. (Use|Leave)") as caught:
        rhm(**{name: 7})
    for full in re.findall(r"srhm(?:\.\w+)+", str(caught.value)):  # what it names exists
        place = __import__("srhm")
        for part in full.split(".")[1:]:
            place = getattr(place, part)


RHM = {"v": 5, "n": 3, "m": 4, "s": 2, "L": 2, "num_data": 40}


def test_the_names_of_the_third_code():
    """Those of its class RHM: independent draws, no test set; what is off asks for nothing."""
    sets = rhm(**RHM, seed_rules=1, seed_samples=2, prior=None, probs=None, transform=None)
    grammar = Grammar(Params(n_c=3, v=5, m=4, s=2, s0=0, L=2), 1)
    assert sets.grammar == grammar and sets.test is None
    ours = Dataset.draw(Stream(grammar, 2, "replacement"), 40)
    assert np.array_equal(symbols(sets.train.features), ours.encode("integer"))
    assert len(rhm(**RHM | {"num_data": 5000}).train) == 5000 > grammar.params.P_max
    pairs = rhm(**RHM, transform=lambda x, y: (x, -y), input_format="long").train
    assert pairs[0][1] == -pairs.labels[0] and pairs.features.min() >= 1


@pytest.mark.parametrize(
    ("arguments", "argument", "value", "fix"),
    [
        ({"v": None}, "v", "None", "Give v as an int"),
        ({"n": None}, "n", "None", "Give n as an int"),
        ({"m": None}, "m", "None", "Give m as an int"),
        ({"n": 1}, "n", "1", "Use n >= 2"),
        ({"m": 9, "n": 5}, "m", "9", "Use m <= 5"),
        ({"L": 0}, "L", "0", "Use L >= 1"),
        ({"num_data": None}, "num_data", "None", "Give num_data as an int"),
        ({"seed_samples": -1}, "seed_samples", "-1", "Use seed_samples >= 0"),
        (
            {"probs": [0.5]},
            "probs",
            "[0.5]",
            "Use srhm.Grammar with rule_weights, such as srhm.Zipf, and srhm.split",
        ),
        ({"prior": [0.5]}, "prior", "[0.5]", "Use srhm.Grammar with class_weights, and srhm.split"),
        ({"num_layers": 2}, "num_layers", "2", "Use L in place of num_layers"),
        ({"seed_sample": 2}, "seed_sample", "2", "Use seed_samples in place of seed_sample"),
        ({"test_size": 2}, "test_size", "2", "Leave out v or test_size"),
        (
            {"num_dat": 2},
            "num_dat",
            "2",
            "Did you mean 'num_data'? See the names in the description of srhm.rhm",
        ),
    ],
)
def test_bad_arguments_of_the_third_code(refuses, arguments, argument, value, fix):
    with refuses(argument, value, fix):
        rhm(**RHM | arguments)


def test_what_is_turned_off_asks_for_nothing():
    plain = rhm(num_synonyms=2)
    for name in migration._REFUSED:
        for off in (None, False, 0) if name in migration._OFF else (None,):
            assert torch.equal(rhm(num_synonyms=2, **{name: off}).train.features, plain.train.features)


def test_layers_of_rules(refuses):
    """Numbered from the classes on, whether n_c = v or not."""
    for params in (Params(4, 4, 2, 2, 0, 3), Params(3, 5, 4, 2, 1, 3)):
        grammar = Grammar(params, 1)
        tensors = {number: torch.from_numpy(grammar.rules[2 - number].copy()) for number in range(3)}
        assert migration.grammar_of_layers(params, tensors) == grammar
        assert migration.grammar_of_layers(params, [tensors[number] for number in range(3)]) == grammar
    by_level = {level: grammar.rules[level - 1] for level in (1, 2, 3)}
    with refuses("layers", "[1, 2, 3]", "Give the layers 0, of the classes, to 2"):
        migration.grammar_of_layers(params, by_level)
    fix = "Give a mapping with the keys 0 to L - 1, or a list, the classes' layer first"
    with refuses("layers", "'Grammar'", fix):
        migration.grammar_of_layers(params, grammar)


@given(st.integers(2, 5), st.integers(2, 4), st.integers(1, 4), st.integers(0, 1), st.data())
def test_layers_there_and_back(v, n_c, L, s0, data):
    """Layer 0 has the classes' rules; back, the grammar is the same, and other blanks change no rule."""
    params = Params(n_c, v, data.draw(st.integers(1, v**2 // max(n_c, v))), 2, s0, L)
    grammar = Grammar(params, 4)
    layers = migration.layers_of_grammar(grammar)
    assert list(layers) == list(range(L))
    for number, layer in layers.items():
        assert layer.dtype == np.int64 and np.array_equal(layer, grammar.rules[L - 1 - number])
    assert migration.grammar_of_layers(params, layers) == grammar
    assert migration.grammar_of_layers(params, [layer.tolist() for layer in layers.values()]) == grammar
    layers[0][:] = -1  # a copy
    assert grammar.rules[L - 1].min() >= 0


def test_layers_that_differ():
    """Numbers that differ from level to level, where layer 0 has other shapes than layer 1."""
    grammar = Grammar(Params(n_c=3, v=(5, 4), m=(2, 3), s=(3, 2), s0=(1, 0)), 2)
    layers = migration.layers_of_grammar(grammar)
    assert [layer.shape for layer in layers.values()] == [(3, 3, 2), (4, 2, 3)]
    assert migration.grammar_of_layers(grammar.params, layers) == grammar


def test_the_order_of_layers_is_that_of_the_tree():
    """Where n_c = v both orders fit: walking their layers from the class on gives inputs that the grammar parses."""
    grammar = Grammar(Params(4, 4, 2, 2, 0, 3), 1)
    layers = {number: torch.from_numpy(one) for number, one in migration.layers_of_grammar(grammar).items()}
    labels = torch.arange(40) % 4
    symbols = labels[:, None]
    choices = torch.Generator().manual_seed(0)
    for number in range(3):
        symbols = layers[number][symbols, torch.randint(2, symbols.shape, generator=choices)].flatten(1)
    assert np.array_equal(
        parse(migration.grammar_of_layers(grammar.params, layers), symbols.numpy()).label, labels
    )
    turned = [layers[number] for number in (2, 1, 0)]
    assert migration.grammar_of_layers(grammar.params, turned) != grammar


def test_bad_layers_are_named_as_they_were_given(refuses):
    grammar = Grammar(Params(3, 5, 4, 2, 0, 2), 1)
    good = migration.layers_of_grammar(grammar)
    shape_fix = "Give [parent, m, s], the classes' layer first and the input's last"
    for layers, argument, fix in (
        ([good[1], good[0]], "layers[1]", shape_fix),  # upside down, which n_c = 3, v = 5 shows
        ([good[0].astype(float), good[1]], "layers[0]", shape_fix),
        ({0: good[0] + 1, 1: good[1]}, "layers[0]", "Number the features 0 to 4"),
        ([good[0], np.zeros_like(good[1])], "layers[1]", "Give every tuple to one parent only, once"),
        ([good[0]], "layers", "Give 2 levels"),
    ):
        with pytest.raises(ArgumentError) as caught:
            migration.grammar_of_layers(grammar.params, layers)
        assert (caught.value.argument, caught.value.fix) == (argument, fix)
    with refuses("params", "3", "Give a Params"):
        migration.grammar_of_layers(3, good)
    with refuses("grammar", "3", "Give a Grammar"):
        migration.layers_of_grammar(3)


@given(st.integers(2, 6), st.integers(2, 4), st.integers(2, 3), st.integers(1, 3), st.data())
def test_numbers_by_each_spelling(v, n_c, s, L, data):
    fields = {"v": v, "n_c": n_c, "s": s, "L": L}
    fields["m"] = data.draw(st.integers(1, v**s // max(n_c, v)))
    for spelling in range(3):
        names = {names[spelling]: fields[field] for field, names in migration._NUMBERS.items()}
        assert migration.params_of(**names) == Params(s0=0, **fields)
        assert migration.params_of(**names, s0=1, sparsity_type="b") == Params(s0=1, sparsity="B", **fields)


def test_numbers_left_out():
    """As the code whose names are used has them."""
    assert migration.params_of() == migration.params_of(m=2) == rhm().grammar.params
    assert migration.params_of(num_synonyms=4, s0=1) == Params(2, 8, 4, 2, 1, 2)
    assert migration.params_of(s0=1, sparsity_type="a").sparsity == "A"


@pytest.mark.parametrize(
    ("numbers", "argument", "value", "fix"),
    [
        ({"num_layer": 2}, "num_layer", "2", "Did you mean 'num_layers'? Use one of "),
        ({"zzz": 2}, "zzz", "2", "Use one of num_features, v, num_classes, n, "),
        ({"n_c": 2}, "n_c", "2", "Use 'num_classes' or 'n'"),
        ({"seed_rules": 2}, "seed_rules", "2", "Leave it out; see srhm.rhm"),
        ({"probs": None}, "probs", "None", "Leave it out; see srhm.rhm"),
        ({"v": 5, "n": 2, "num_layers": 2}, "num_layers", "2", "Use L in place of num_layers"),
        ({"tuple_size": 3, "num_synonyms": 2, "s": 2}, "s", "2", "Use tuple_size in place of s"),
        ({"v": 5, "n": 5, "s": 2, "L": 2}, "m", "None", "Give m as an int"),
        ({"num_features": (5, 4)}, "num_features", "(5, 4)", "Give num_features as an int"),
        ({"num_synonyms": 40}, "num_synonyms", "40", "Use num_synonyms <= 32"),
        ({"s0": None}, "s0", "None", "Give s0 as an int"),
        ({"sparsity_type": "b"}, "sparsity_type", "'b'", "Give s0 too, or leave it out"),
        ({"s0": 1, "sparsity_type": "c"}, "sparsity_type", "'c'", "Use 'a' or 'b'"),
    ],
)
def test_bad_numbers(numbers, argument, value, fix):
    with pytest.raises(ArgumentError) as caught:
        migration.params_of(**numbers)
    assert caught.value.argument == argument and repr(caught.value.value) == value
    assert caught.value.fix.startswith(fix)


def test_the_page_has_the_table_of_numbers():
    for field, names in migration._NUMBERS.items():
        row = " | ".join(f"`{name}`" for name in (*names, f"Params({field}=)"))
        assert f"| {row} | {migration._FIRST[names[0]]} |" in PAGE


def test_the_page_has_every_name():
    for name in {**migration._FIRST, **migration._SECOND, **migration._THIRD, **migration._REFUSED}:
        assert f"`{name}`" in PAGE, f"docs/migration.md does not tell of {name}"


def test_without_pytorch(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingExtraError, match="torch is not installed"):
        rhm()
