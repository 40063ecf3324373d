"""A function of the user that trains, where a setup has a network: its name, options, and a hash of its text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..errors import ArgumentError, SrhmError, check_instance
from ..model.encoding import check_encoding
from ..model.params import Params
from ..nets import FAMILIES, Family, Interface, NetSpec


@dataclass(frozen=True)
class CustomNet(NetSpec):
    """What ``train(dataset, seed, **options)``, a function of the user's, trains: :func:`srhm.pstar` makes it.

    The function is known by its name and by a hash of its source text; what it calls is not watched.

    Raises
    ------
    ArgumentError
        If the name is empty or that of a built-in family, or the options are not JSON.

    Examples
    --------
    >>> net = CustomNet("my_nets:train", encoding="integer", options={"depth": 2})
    >>> net.row.label, net.chosen, net.predict(Params(v=6, s0=1, L=2))
    ('my_nets:train', {'depth': 2}, None)
    """

    family: str
    """The name of the function, such as ``"my_nets:train"``."""
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Further arguments of the function, by name: JSON."""
    source: str | None = None
    """SHA-256 of the text of the function; None if it is not known, and the name alone counts."""

    def __post_init__(self) -> None:
        check_instance(str, name=self.family)
        if not self.family or self.family in FAMILIES:
            problem = "is the name of a built-in network" if self.family else "is empty"
            raise ArgumentError("name", self.family, problem, "Choose another name=")
        if self.width is not None:
            fix = "Pass it to the function, in options"
            raise ArgumentError("width", self.width, "is not used by a function of your own", fix)
        check_encoding(self.encoding)
        try:
            options = json.loads(json.dumps(dict(self.options), allow_nan=False))
        except (TypeError, ValueError) as error:
            problem = f"cannot be written down as JSON ({error})"
            fix = "Give numbers, texts and lists of them, by name"
            raise ArgumentError("options", self.options, problem, fix) from None
        object.__setattr__(self, "options", options)

    @property
    def row(self) -> Family:
        """A row without defaults: a name, and 10% as the threshold of the error."""
        return Family(self.family, draw=self._refuse, rate=self._refuse, label=self.family)

    def on(self, params: Params, interface: Interface | None = None) -> "CustomNet":
        """Return it as it is: any model will do."""
        check_instance(Params, params=params)
        return self

    @property
    def chosen(self) -> dict[str, Any]:
        """All its options."""
        return dict(self.options)

    def build(self, *arguments: Any, **named: Any) -> NoReturn:
        """Raise an :class:`~srhm.SrhmError`: only the function knows its network."""
        self._refuse()

    cost = build

    def _refuse(self, *arguments: Any) -> NoReturn:
        raise SrhmError(
            f"the network of {self.family} is known to that function alone. Call it with srhm.split(...).train"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data; what has its default is left out."""
        encoding = {} if self.encoding == "whitened" else {"encoding": self.encoding}
        options = {"options": dict(self.options)} if self.options else {}
        return {"family": self.family} | encoding | {"custom": {"source": self.source} | options}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "CustomNet":
        """Rebuild it from :meth:`to_dict`."""
        fields = {name: value for name, value in content.items() if name != "custom"}
        return cls(**fields, **content["custom"])
