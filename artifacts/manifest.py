"""What an artifact says of itself: `manifest.json`."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from artifacts.calibrated import CalibratedPolicy
from artifacts.encoder_spec import EncoderSpec
from artifacts.policy import PaperPolicy
from artifacts.token_price import TokenPrice


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _readable(name: object) -> object:
    """What Python read of a name that is not UTF-8 cannot be written into JSON."""
    if not isinstance(name, str):
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


_FileName = Annotated[str, BeforeValidator(_readable)]


class ModelEntry(_Frozen):
    """A model in the artifact and its price when the artifact was fitted."""

    model: str
    n_records: int = Field(ge=1, description="training queries it was measured on")
    input_usd_per_token: float | None = Field(default=None, ge=0)
    output_usd_per_token: float | None = Field(default=None, ge=0)

    @classmethod
    def of(cls, model: str, n_records: int, price: TokenPrice | None) -> Self:
        """With a price, where there is one."""
        return cls(
            model=model,
            n_records=n_records,
            input_usd_per_token=price.input_usd if price else None,
            output_usd_per_token=price.output_usd if price else None,
        )


class Extension(_Frozen):
    """A change after the fit, by one of the commands that need no other fit."""

    kind: Literal["add-model", "remove-model", "reprice"]
    created: datetime
    models: tuple[str, ...] = Field(min_length=1)
    sources: tuple[_FileName, ...] = Field(
        default=(), description="names of records files"
    )
    n_records: int = Field(default=0, ge=0, description="queries in them")
    digest: str | None = Field(default=None, description="sha256 of those records")


class Provenance(_Frozen):
    """Which data the artifact was fitted on."""

    sources: tuple[_FileName, ...] = Field(description="names of the records files")
    digest: str = Field(description="sha256 of the whole dataset")
    queries: dict[str, int] = Field(description="queries in each collection")
    train_fraction: float = Field(gt=0, le=1)
    n_train: int = Field(ge=1)
    n_test: int = Field(ge=0)
    extensions: tuple[Extension, ...] = Field(
        default=(), description="what was changed since, oldest first"
    )


class Manifest(_Frozen):
    """Everything about an artifact but its arrays; `manifest.json`."""

    schema_version: Literal[1] = 1
    # It names files in caches and stores: nothing but a digest may stand there.
    artifact_id: str = Field(
        pattern="^[0-9a-f]{64}$", description="sha256 of the arrays"
    )
    created: datetime
    encoder: EncoderSpec
    models: tuple[ModelEntry, ...] = Field(min_length=1)
    n_clusters: int = Field(ge=1)
    n_init: int = Field(ge=1)
    seed: int
    policy: PaperPolicy | CalibratedPolicy = Field(discriminator="kind")
    out_of_distribution_quantile: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of the training queries less familiar than which a query "
        "is out of distribution; 0: none is",
    )
    provenance: Provenance
    metrics: dict[str, dict[str, float | None]] = Field(
        description="method → metric → value on the held-out queries; "
        "empty after an extension, which they would not describe"
    )
    libraries: dict[str, str] = Field(description="name → version at fit time")
