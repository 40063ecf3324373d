import math
import pickle
from fractions import Fraction

import numpy as np
import pytest

from srhm import ArgumentError, MissingExtraError, SrhmError
from srhm.errors import check_array, check_choice, check_integer, check_number, in_short, nearest


def test_message_names_argument_value_and_fix():
    error = ArgumentError("s", 1, "is below 2", "Use s >= 2")
    assert str(error) == "s = 1 is below 2. Use s >= 2."
    assert (error.argument, error.value) == ("s", 1)
    assert isinstance(error, SrhmError) and isinstance(error, ValueError)


def test_long_values_are_cut():
    message = str(ArgumentError("text", "x" * 10**6, "is too long", "Use less"))
    assert len(message) < 300 and message.endswith("... is too long. Use less.")


@pytest.mark.parametrize(
    "error", [ArgumentError("s", 1, "is below 2", "Use s >= 2"), MissingExtraError("sqlalchemy", "lab")]
)
def test_errors_survive_the_way_between_processes(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)


def test_missing_extra_says_what_to_install():
    error = MissingExtraError("sqlalchemy", "lab")
    assert isinstance(error, ImportError)
    assert str(error) == (
        "sqlalchemy is not installed. Install the extra lab, in a clone of srhm: pip install -e '.[lab]'"
    )


@pytest.mark.parametrize("value", [5, np.int8(5), np.uint64(5), np.array(5)])
def test_integers_of_any_kind_become_int(value):
    number = check_integer("n", value, minimum=5, maximum=5)
    assert number == 5 and type(number) is int


@pytest.mark.parametrize("value", [True, np.True_, 5.0, np.float64(5), "5", None, [5], int, 5j])
def test_other_things_are_refused(refuses, value):
    with refuses("n", repr(value), "Give n as an int"):
        check_integer("n", value)


def test_bounds(refuses):
    with refuses("n", 4, "Use n >= 5"):
        check_integer("n", 4, minimum=5)
    with refuses("n", 6, "Use n <= 5"):
        check_integer("n", 6, maximum=5)


@pytest.mark.parametrize("value", [5, 5.0, np.int8(5), np.float32(5), Fraction(5)])
def test_numbers_of_any_kind_become_float(value):
    number = check_number("x", value, above=4.0, below=6.0)
    assert number == 5 and type(number) is float


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, "five", "5", b"5", True, np.True_, None, [5], 5j, 10**400]
)
def test_what_is_no_finite_number_is_refused(refuses, value):
    with refuses("x", repr(value)[:20], "Give x as a finite number"):
        check_number("x", value)


@pytest.mark.parametrize(
    ("bounds", "bad", "wanted"),
    [
        ({"above": 0.0}, [0, -1e-300], "> 0"),
        ({"below": 1.0}, [1, 2.0], "< 1"),
        ({"above": 0.0, "below": 1.0}, [0.0, 1.0], "> 0 and < 1"),
    ],
)
def test_bounds_of_numbers_are_excluded(refuses, bounds, bad, wanted):
    assert check_number("x", 0.5, **bounds) == 0.5
    for value in bad:
        with refuses("x", value, f"Give x as a finite number {wanted}"):
            check_number("x", value, **bounds)


def test_errors_in_other_names():
    """Whole words are renamed, in the argument and in both texts; the value stays."""
    error = ArgumentError("m", 7, "is too large: n_c * m exceeds v^s of them", "Use m <= 4, or a smaller v")
    renamed = error.renamed({"m": "num_synonyms", "v": "num_features"})
    text = "num_synonyms = 7 is too large: n_c * num_synonyms exceeds num_features^s of them. "
    assert str(renamed) == text + "Use num_synonyms <= 4, or a smaller num_features."
    assert (renamed.argument, renamed.value) == ("num_synonyms", 7)
    assert str(error.renamed({"x": "y"})) == str(error)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("trian", "train"),
        ("learning-rate", "learning_rate"),
        ("Seed", "seeds"),
        ("export", "export"),
        ("x", None),
        ("tran", "train"),
        ("18", None),
    ],
)
def test_the_nearest_name_is_found(name, near):
    assert nearest(name, ["train", "learning_rate", "seeds", "export", "export-data", "8"]) == near


@pytest.mark.parametrize(
    ("value", "choices", "fix"),
    [
        ("fixd", ("reformed", "fixed"), "Did you mean 'fixed'? Use 'reformed' or 'fixed'"),
        ("x", ("only",), "Use 'only'"),
        (["a"], ("a", "b"), "Use 'a' or 'b'"),
        (None, ("r", "s", "t", "u", "v"), "Use one of r, s, t, u, v"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_one(refuses, value, choices, fix):
    with refuses("word", repr(value), fix):
        check_choice("word", value, choices, "is not known")
    check_choice("word", choices[0], choices, "is not known")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (-82944, "-82944"),
        (10**40 - 1, "9" * 40),
        (10**40, "1.0e40"),
        (10**5000 - 1, "1.0e5000"),
        (10**5000, "1.0e5000"),
        (12 * 10**4999, "1.2e5000"),
        (994 * 10**4998, "9.9e5000"),
        (-(10**5000), "-1.0e5000"),
    ],
    ids=range(9),  # pytest would write the numbers
)
def test_integers_of_any_size_are_written(number, text):
    assert in_short(number) == text


def test_errors_about_integers_of_any_size():
    """Python refuses to write integers of more than 4,300 digits."""
    huge = 10**5000
    assert str(ArgumentError("P", huge, "is too large", "Use less")) == "P = 1.0e5000 is too large. Use less."
    assert str(ArgumentError("P", [huge], "is too large", "Use less")).startswith("P = <list> is too")
    with pytest.raises(ArgumentError, match=r"^P = 1.0e5001 is above 1.0e5000. Use P <= 1.0e5000\.$"):
        check_integer("P", 10 * huge, maximum=huge)
    with pytest.raises(ArgumentError, match=r"^P = 3 is below 1.0e5000. Use P >= 1.0e5000\.$"):
        check_integer("P", 3, minimum=huge)


def test_arrays_are_checked():
    check_array("x", np.zeros((0, 2), int), (None, 2), maximum=0, fix="Fix it")
    for wrong, said in (
        ([1, 2], "'list' is not an array of integers of shape \\(any\\)"),
        (np.zeros(2), "'float64 of shape \\(2,\\)' is not an array"),
        (np.zeros((2, 2), int), "'int64 of shape \\(2, 2\\)' is not an array"),
        (np.array([0, 3]), "3 lies outside 0 to 2"),
        (np.array([-1, 0], np.int8), "-1 lies outside 0 to 2"),
    ):
        with pytest.raises(ArgumentError, match=f"^x = {said}.*Fix it"):
            check_array("x", wrong, (None,), maximum=2, fix="Fix it")
