"""``mixing: {kind: decoder}``: the decoder of a result as a mixing, with its encoder, declared. No torch here."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from crlspec.maps.maps import NetworkDecoder, NetworkEncoder
from crlspec.maps.plain import decoder_from, encoder_from, unpack
from crlspec.models.draws import refusal, require_enough
from crlspec.registry import ClosedModel, MixingDeclaration
from crlspec.spec.links import Activation, LinkName

AGAIN = "name the file of a result, e.g. file: run.nc, or have model.save write the spec again."


def _array(word: str) -> str:
    try:
        unpack(word)
    except ValueError as error:
        raise _fault(f"{error}", AGAIN) from None
    return word


def _fault(message: str, remedy: str) -> PydanticCustomError:
    return PydanticCustomError("fault", "{message}", {"message": message, "remedy": remedy})


Packed = Annotated[str, AfterValidator(_array)]
"""An array of float64 as one word, see :mod:`crlspec.maps.plain`."""


class StoredMap(ClosedModel):
    """A network beside a linear map, skip u + bias + W_L a(… a(W₁ u + b₁) …), and the link of the observations.

    An array is one word: its shape, a colon and its numbers in base64 of little-endian float64.
    """

    link: Annotated[
        LinkName | None, Field(description="The link of the observations, where there is one.")
    ] = None
    activation: Annotated[Activation, Field(description="a, the bend of the hidden layers.")] = "silu"
    weights: Annotated[
        tuple[Packed, ...], Field(description="W₁ … W_L; left out where there is no hidden layer.")
    ] = ()
    biases: Annotated[
        tuple[Packed, ...], Field(description="b₁ … b_{L−1}; left out where there is no hidden layer.")
    ] = ()
    skip: Annotated[Packed, Field(description="The matrix of the linear map beside the network.")]
    bias: Annotated[Packed, Field(description="The vector that is added to both.")]
    offset: Annotated[Packed, Field(description="The offset of the observations, in the units of link⁻¹(x).")]


class StoredDecoder(StoredMap):
    """x = link(offset + coloring · network(z)), coloring (observed, component)."""

    coloring: Annotated[Packed, Field(description="The matrix (observed, component) behind the network.")]


class StoredEncoder(StoredMap):
    """ẑ = network(projection (link⁻¹(x) − offset)), projection (component, observed)."""

    projection: Annotated[Packed, Field(description="The matrix (component, observed) before the network.")]


_ZEROS, _ONES = "2:AAAAAAAAAAAAAAAAAAAAAA==", "2:AAAAAAAA8D8AAAAAAADwPw=="
_UNIT = "2x2:AAAAAAAA8D8AAAAAAAAAAAAAAAAAAAAAAAAAAAAA8D8="
_HIDDEN = (
    f"activation: tanh, weights: ['{_UNIT}', '{_UNIT}'], biases: ['{_ZEROS}'], "
    f"skip: '{_UNIT}', bias: '{_ZEROS}'"
)
STORED = (
    "{kind: decoder, observed: 2, names: [a, b], noise: 0.1, latents: [z1, z2], "
    f"decoder: {{link: tanh, {_HIDDEN}, offset: '{_ONES}', coloring: '{_UNIT}'}}, "
    f"encoder: {{link: tanh, {_HIDDEN}, offset: '{_ONES}', projection: '{_UNIT}'}}}}"
)


class DecoderMixing(MixingDeclaration):
    """x = decoder(z), as a result has learned it, number for number.

    With a ``file`` the spec holds decoder and encoder itself, once it is read.
    """

    implementation: ClassVar[str] = "crlspec.models.decoder:Decoder"

    examples = ("{kind: decoder, file: run.nc}", STORED)

    kind: Literal["decoder"] = "decoder"
    file: Annotated[
        str | None,
        Field(description="A saved result; a relative path is taken from the folder of the spec."),
    ] = None
    latents: Annotated[
        tuple[str, ...] | None,
        Field(
            description="The decoder's latents in its order, those of the spec; by default those in the file."
        ),
    ] = None
    decoder: Annotated[
        StoredDecoder, Field(description="In place of a file: its numbers, as model.save writes them.")
    ]
    encoder: Annotated[
        StoredEncoder | None,
        Field(description="The same of the encoder; without it the mixing has no inverse."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, value: Any) -> Any:
        """Decoder, encoder and names of a file, in the place of its name."""
        if not isinstance(value, dict) or value.get("file") is None:
            return value
        if value.get("decoder") is not None or value.get("encoder") is not None:
            raise _below("file", value, "a file stands beside the numbers of a decoder", "keep one of them.")
        if not isinstance(value["file"], str):
            raise _below("file", value, "the name of a file is needed", "write e.g. file: run.nc.")
        from crlspec.models.decoder_file import maps_in

        found = maps_in(value["file"], lambda message, remedy: _below("file", value, message, remedy))
        given = {key: entry for key, entry in value.items() if key != "file" and entry is not None}
        if given.get("observed", found["observed"]) != found["observed"]:
            words = f"got {given['observed']}, but in the result {found['observed']} variables are observed"
            raise _below("observed", value, words, f"write {found['observed']}, or leave it out.")
        return {**found, **given}

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        try:
            shapes = {"decoder": self.decoder_map.shape}
            if self.encoder_map is not None:
                shapes["encoder"] = self.encoder_map.shape
        except ValueError as error:
            raise _fault(f"the arrays of the decoder do not fit together: {error}", AGAIN) from None
        n, d = shapes["decoder"]
        if shapes.get("encoder", (n, d)) != (n, d):
            wrong = (
                f"the encoder leads from {shapes['encoder'][1]} observed variables to {shapes['encoder'][0]}"
            )
            raise _fault(f"{wrong} latents, the decoder from {n} latents to {d} observed variables", AGAIN)
        if self.observed != d:
            raise _fault(
                f"observed is {self.observed}, but the decoder gives {d} observed variables",
                f"write observed: {d}, or leave it out beside a file.",
            )
        if self.latents is not None and (len(self.latents) != n or len(set(self.latents)) != n):
            raise _fault(
                f"latents names {len(self.latents)} latents, but the decoder takes {n}",
                "name each of them once, in the order of the decoder.",
            )
        return self

    @property
    def decoder_map(self) -> NetworkDecoder:
        """The decoder as arrays."""
        return decoder_from(self.decoder.model_dump())

    @property
    def encoder_map(self) -> NetworkEncoder | None:
        """The encoder as arrays."""
        return None if self.encoder is None else encoder_from(self.encoder.model_dump())

    @property
    def link(self) -> str | None:
        """The known link, where there is nothing but a linear map before it."""
        return None if self.decoder.weights else self.decoder.link

    @property
    def mixing_class(self) -> Literal["linear", "glm", "general"]:  # type: ignore[override]
        """``general``; without a hidden layer ``glm``, or ``linear`` where there is no link either."""
        if self.decoder.weights:
            return "general"
        return "linear" if self.decoder.link is None else "glm"

    @property
    def is_resolved(self) -> bool:
        """Whether the decoder's latents have names."""
        return self.latents is not None

    def draw(self, rng: object, latents: tuple[str, ...]) -> Self:
        """The same decoder, of latents that have names; nothing is drawn.

        Raises SpecError unless they are those of the spec.
        """
        require_enough(self.observed, latents)
        names = latents if self.latents is None else self.latents
        size = self.decoder_map.shape[0]
        if len(latents) != size or set(names) != set(latents):
            own = ", ".join(self.latents or ()) or "no names"
            raise refusal(
                "mixing",
                f"the decoder takes {size} latents ({own}), but the spec has {len(latents)} ({', '.join(latents)}).",
                "declare these, or list in mixing.latents which of the spec's they are, in the decoder's order",
            )
        return self.model_copy(update={"latents": names})


def _below(key: str, value: Mapping[str, Any], message: str, remedy: str) -> ValidationError:
    """A fault at a key of the declaration."""
    detail = InitErrorDetails(type=_fault(message, remedy), loc=(key,), input=value.get(key))
    return ValidationError.from_exception_data("decoder", [detail])
