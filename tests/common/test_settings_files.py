"""YAML files that users write: a mistake is named with its file, line and key."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from common.errors import UserError
from common.settings_files import merged, read_settings


class Circle(BaseModel, frozen=True, extra="forbid"):
    kind: Literal["circle"] = "circle"
    radius: float = Field(1.0, gt=0)


class Square(BaseModel, frozen=True, extra="forbid"):
    kind: Literal["square"]
    side: float = 1.0


class Drawing(BaseModel, frozen=True, extra="forbid"):
    name: str
    shapes: tuple[Annotated[Circle | Square, Field(discriminator="kind")], ...] = ()
    ink: Circle = Circle()


class DrawingError(UserError):
    """A wrong drawing."""


GOOD = "name: mine\nshapes:\n  - kind: circle\n    radius: 2\n  - kind: square\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (GOOD + "colour: red\n", r"drawing.yaml, line 6: colour: unknown key"),
        (GOOD.replace("radius: 2", "side: 2"), r"drawing.yaml, line 4: shapes.0.side: unknown key"),
        (GOOD.replace("radius: 2", "radius: -2"), r"line 4: shapes.0.radius: Input should be greater than 0"),
        (GOOD.replace("kind: square", "kind: oval"), r"line 5: shapes.1: .*'circle', 'square'"),
        (GOOD + "ink: {radius: many}\n", r"line 6: ink.radius: Input should be a valid number"),
        (GOOD + "    side: 1\n    side: 2\n", r"line 7: side is given twice"),
        ("shapes: []\n", r"drawing.yaml, line 1: name: Field required"),
        ("name: [\n", r"drawing.yaml is not YAML"),
        ("- name\n", r"drawing.yaml must map keys to values"),
        ("", r"drawing.yaml must map keys to values"),
        ("name: !!python/object/apply:os.system ['true']\n", r"not YAML"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(tmp_path, text, sentence):
    (tmp_path / "drawing.yaml").write_text(text)
    with pytest.raises(DrawingError, match=sentence):
        read_settings(tmp_path / "drawing.yaml", Drawing, DrawingError)


def test_what_the_file_leaves_out_can_be_filled_in(tmp_path):
    (tmp_path / "drawing.yaml").write_text("name: mine\nink: {radius: 3}\n")
    defaults = {"name": "other", "ink": {"kind": "circle", "radius": 2}, "shapes": [{"kind": "square"}]}
    found = read_settings(tmp_path / "drawing.yaml", Drawing, DrawingError, lambda values: merged(defaults, values))
    assert (found.name, found.ink.radius, len(found.shapes)) == ("mine", 3, 1)
