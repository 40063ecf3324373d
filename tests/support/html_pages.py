"""The elements of an HTML page, for tests."""

from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "img", "br", "hr", "link", "input", "source"}


class Document(HTMLParser):
    """The elements of a page, checked to be properly nested: what is inside a script is text.

    An element is a dictionary of its ``tag``, its ``text``, the tags it lies ``inside``, its ``attributes``, and each
    attribute by its name.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[dict[str, Any]] = []
        self.open: list[dict[str, Any]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside, attributes = [one["tag"] for one in self.open], dict(attrs)
        element = {**attributes, "tag": tag, "text": "", "inside": inside, "attributes": attributes}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element["text"] += data

    def all(self, tag: str) -> list[dict[str, Any]]:
        return [element for element in self.elements if element["tag"] == tag]

    def texts(self, tag: str) -> list[str]:
        return [element["text"].strip() for element in self.all(tag)]

    def by_id(self, name: str) -> dict[str, Any]:
        (found,) = [one for one in self.elements if one.get("id") == name]
        return found
