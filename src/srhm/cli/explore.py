"""The command `srhm explore`."""

from dataclasses import dataclass, field

from ..model.options import Model, Weighting
from .options import ModelOptions, WeightOptions


@dataclass(frozen=True)
class ExploreCommand:
    """Show a model on a page in the browser: rules, data and trees, what leaves the class, predictions.

    The page is served to this machine alone (127.0.0.1) until Ctrl-C. It needs no network, writes nothing, and its
    address holds all that it shows.
    """

    model: ModelOptions = field(default_factory=Model)
    weights: WeightOptions = field(default_factory=Weighting)
    seed: int = 0
    """Seed of rules and data."""
    port: int = 8537
    """Port of the page; 0 takes a free one."""
    no_browser: bool = False
    """Print the address of the page, and do not open it in the browser."""

    def run(self) -> None:
        """Serve the page."""
        from ..explore.app import serve
        from ..explore.state import PageState

        serve(
            PageState(self.model, self.seed, weights=self.weights),
            port=self.port,
            browser=not self.no_browser,
        )
