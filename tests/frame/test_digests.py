"""The bits of every random stream, fixed.

These digests change only together with STREAM_VERSION: whoever changes the bits of a stream raises the
version, so that stored results say which data they were made with, and then writes the new digests here.
"""

import hashlib

import numpy as np
import pytest

from srhm import (
    STREAM_VERSION,
    Grammar,
    Params,
    Stream,
    diffeomorphism,
    exchange_synonyms,
    expand,
    resample_symbols,
    split,
)
from srhm.randomness import fold, role_key, threefry2x32

SMALL = {"n_c": 4, "v": 5, "m": 4, "s": 2, "s0": 1, "L": 2}  # permuted by a table
LARGE = {"n_c": 10, "v": 10, "m": 10, "s": 2, "s0": 2, "L": 3}  # permuted by a Feistel network

DIGESTS = {
    "words": "a432f5f7b48a88d37fab3bde3c843de60600e8d5995bf127a1ceefd406a5bdaf",
    "rules small": "4c5075227e9d6f379c8c0352d51fbc421dea5e33bcbb940870aa21ba41133410",
    "train permutation small A": "9619d9e2614b8a9606a2b22f20a80d1296603e584e0dc7d76ef1484e9f613dff",
    "test permutation small A": "63c927765c879f03df975deb5bfc5e5bfad0cb8bb51743b098f6c89a71674b20",
    "train independent small A": "8e8f8389bcc78c8a3ab56de7fe45c93ef1b4074e092fa6d60f8aa1b3cf26e879",
    "test independent small A": "fa9a12d131189ac355208e437b1d0de7283a27d42ff2608aac5ad6c0247b43ad",
    "train permutation small B": "23a82e224d4db4aa0db9448cae093fcb6a7d30f32765b1e82288c9869db08417",
    "test permutation small B": "ac8cd0672e430a46e0e1b70d4f3826c86490e91073cb3cb103e358d278526925",
    "train independent small B": "dddf7e4672deb3a018f0c5095a049204387ac30d71a218d889c7991b4044b90c",
    "test independent small B": "e567e67675116776a27f23567e01b3409f9b24a895d8b2bbc0cafc3e378f9444",
    "rules large": "af66ad2b7226343eab8b18a6f83453f52610bcd79c127a14f330130bfaaa3882",
    "train permutation large A": "99351023ac6aec7e78f9843f5cd06d11e0c42716574633c5f6033fb6caa3b14e",
    "test permutation large A": "7238ddc247262d74163bda47dc643a7bf9ebd582e77eee8caf365397597df27a",
    "train independent large A": "b51bb184b1ea4d040a4754df4a1e1fc3453c718054c25814729484e0e5c2c7a1",
    "test independent large A": "adddc99c4c40fd4eab54d6ebcaf01061bf6ea2bb3f866afa77a357d2cd8d2791",
    "train permutation large B": "26961d2b620fe7c7c76309b0a7ae8d18f9cd0bc9d86154aa086c4c8150dc8cec",
    "test permutation large B": "37c29bd967a39b1a425da459d1e6059da75cb7c56b328eb6a3c1fa95ec5c92ad",
    "train independent large B": "9c81017b4aec6ac328c34ecd8c0bdef4da506791de95c43a630817f4063ce039",
    "test independent large B": "9ca8332c3b30af1d6c2087d24295e24948349db0b68c67876792e5ed1afe17a3",
    "rules few of many": "9c0af0d045816a08713965e3ec81ab9832e58a43d93f8a123ce37dee1af6777a",
    "exchange": "07a0a5874308eac7c6eb902e391a85f42731314ce5b1a2d0443513ad79cb823a",
    "shift": "69d493ae3080a73ffe7b21670117ec960624be7481d99472ade9f80ca4fa9fa5",
    "symbols": "c93c0394e0901d79b05da6bdb28ce4d5dc5215943e906188224d2c11e0150398",
    "identity": "36240462568b818a725cb6cc6651599b8b7e0207d3346f860e8ee1a98e39782e",
}


def digest(arrays):
    """SHA-256 of arrays as 64-bit integers, least significant byte first, each after its shape."""
    sha = hashlib.sha256()
    for array in arrays:
        sha.update(repr(array.shape).encode())
        sha.update(np.ascontiguousarray(array).astype("<i8").tobytes())
    return sha.hexdigest()


def grammar_of(size, sparsity):
    return Grammar(Params(**(SMALL if size == "small" else LARGE), sparsity=sparsity), seed=17)


def sample_digest(stream):
    """Digest of the first 1000 samples: labels, choices of every level, input."""
    derivation = stream.take(0, 1000)
    tree = expand(stream.grammar, derivation)
    return digest(
        [derivation.label, *derivation.rules, *derivation.placements, tree.features[0], tree.positions[0]]
    )


def all_digests():
    """Every digest of this page, by name."""
    found = {}
    words = [np.array(role_key(seed, role)) for seed in (0, 2**64 - 1) for role in ("network", "order")]
    words += [np.array(fold(role_key(1, "samples"), number)) for number in (0, 1, 2**32, 2**64 - 1)]
    words += threefry2x32(role_key(2, "samples"), np.arange(1000, dtype=np.uint32), np.zeros(1000, np.uint32))
    found["words"] = digest(words)
    for size in ("small", "large"):
        found[f"rules {size}"] = digest(grammar_of(size, "A").rules)  # a shuffle of all tuples
        for sparsity in "AB":
            grammar = grammar_of(size, sparsity)
            sets = {
                "permutation": split(grammar, 1, 1, 23),
                "independent": split(grammar, 1, 1, 23, replacement=True),
            }
            for rule, made in sets.items():
                for part in ("train", "test"):
                    stream = getattr(made, part).stream
                    found[f"{part} {rule} {size} {sparsity}"] = sample_digest(stream)
    found["rules few of many"] = digest(Grammar(Params(n_c=32, v=32, m=32, s=5, s0=1, L=2), seed=17).rules)
    grammar = grammar_of("large", "B")
    derivation = Stream(grammar, 0).take(0, 1000)
    found["exchange"] = digest(exchange_synonyms(grammar.params, derivation, 3, 29, cumulative=True).rules)
    found["shift"] = digest(diffeomorphism(grammar.params, derivation, 3, 29, cumulative=True).placements)
    tree = resample_symbols(grammar, derivation, level=3, node=1, seed=29)
    found["symbols"] = digest([*tree.features, *tree.positions])
    found["identity"] = grammar.digest
    return found


@pytest.fixture(scope="module")
def found():
    return all_digests()


def test_version():
    assert STREAM_VERSION == 1, "compute all digests of this page anew"


@pytest.mark.parametrize("name", DIGESTS)
def test_bits_are_as_ever(found, name):
    assert found[name] == DIGESTS[name], f"the bits of {name!r} changed: raise STREAM_VERSION"


def test_nothing_is_left_out(found):
    assert set(found) == set(DIGESTS)
    assert len(set(found.values())) == len(found), "two streams are the same"
