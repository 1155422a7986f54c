"""What a corpus declares of its dense tables: the words that the corpus writes and the feature repository reads."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

CORPUS_FILE = "corpus.json"  # where the declarations stand, by table, under the key 'dense'

# A table's name is the name of a folder, of a feature view, and a part of 'view:feature'.
TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=63)]


class Range(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """The least and the greatest value that a feature may have; None: there is no such limit."""

    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError("minimum must not be above maximum")
        return self


class Feature(Range, frozen=True, extra="forbid"):
    """One column of a dense table: a number, or a vector of as many numbers in every row. A range is of each number."""

    type: Literal["number", "vector"] = "number"
    description: str = ""


class DenseTable(BaseModel, frozen=True, extra="forbid"):
    """A dense table without its rows. ``owner`` is who answers for its values; features are in their order."""

    description: str = ""
    owner: str = ""
    features: dict[str, Feature] = Field(min_length=1)
