"""What the long tests share: the report of their figures."""

from collections.abc import Iterator

import pytest

from report import Report


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Iterator[Report]:
    """The figures of all long tests; they are written if all of them were run."""
    report = Report()
    yield report
    options = request.config
    if not (options.option.keyword or any("::" in place for place in options.args)):
        report.write()
