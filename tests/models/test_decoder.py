"""The decoder of a result as a mixing: the contract, its files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

import crlspec
from crlspec.errors import CrlspecError, SpecError
from crlspec.maps.maps import Network, NetworkDecoder, NetworkEncoder
from crlspec.maps.plain import decoder_from, encoder_from, pack, plain_map, unpack
from crlspec.models.decoder import Decoder
from crlspec.models.decoder_declaration import DecoderMixing
from crlspec.testing import MixingContract
from tests.downstream.recovered.from_truth import recovered

RNG = np.random.default_rng(0)
MATRIX = np.linalg.qr(RNG.normal(size=(6, 3)))[0]
"""Orthonormal columns: the transpose is an encoder that is nearly right where the bends are small."""

LATENTS = ("a", "b", "c")


def normal(count: int) -> torch.Tensor:
    return torch.as_tensor(np.random.default_rng(1).normal(size=(count, 3)))


def maps(activation="tanh", link=None, bend=0.2) -> tuple[NetworkDecoder, NetworkEncoder]:
    weights = RNG.normal(size=(8, 3)) / 2, RNG.normal(size=(7, 8)) / 3, bend * RNG.normal(size=(6, 7))
    network = Network(
        MATRIX, RNG.normal(size=6), weights, (RNG.normal(size=8), RNG.normal(size=7)), activation
    )
    decoder = NetworkDecoder(network, RNG.normal(size=(9, 6)), RNG.normal(size=9), link)
    back = Network(MATRIX.T, -MATRIX.T @ network.bias)
    return decoder, NetworkEncoder(back, np.linalg.pinv(decoder.coloring), decoder.offset, link)


def declared(decoder, encoder=None, **more) -> DecoderMixing:
    told = {"decoder": plain_map(decoder), "observed": decoder.shape[1], **more}
    return DecoderMixing(**told, encoder=None if encoder is None else plain_map(encoder))


class TestBent(MixingContract):
    def declaration(self):
        return declared(*BENT)

    def expected(self, declaration, z):
        return BENT[0](z)

    def test_the_encoder_is_no_inverse_of_its_own(self):
        z, mixing = self.points(50, 3, torch.float64), self.built(torch.float64)
        assert float((mixing.encode(mixing(z)) - z).abs().max()) > 0.05
        np.testing.assert_allclose(mixing.encode(mixing(z)).cpu(), BENT[1](mixing(z).cpu().numpy()))


BENT = maps()


class TestSilu(MixingContract):
    def declaration(self):
        return declared(*SILU, names=[f"gene{k}" for k in range(9)], latents=("c", "a", "b"))

    def expected(self, declaration, z):
        return SILU[0](z[:, [2, 0, 1]])


SILU = maps("silu", "arcsinh", 0.1)


class TestLeaky(MixingContract):
    def declaration(self):
        return declared(LEAKY[0])

    def expected(self, declaration, z):
        return LEAKY[0](z)


LEAKY = maps("leaky-relu")


class TestKnownLink(MixingContract):
    def declaration(self):
        straight = Network(MATRIX, np.ones(6)), Network(MATRIX.T, -MATRIX.sum(0))
        maps = [
            kind(one, np.eye(6), np.zeros(6), "sinh")
            for kind, one in zip((NetworkDecoder, NetworkEncoder), straight)
        ]
        assert (declared(*maps).mixing_class, declared(*maps).link) == ("glm", "sinh")
        return declared(*maps)

    def expected(self, declaration, z):
        return np.sinh(z @ MATRIX.T + 1)


def test_maps_survive_as_words_to_the_last_bit():
    decoder, encoder = maps(link="tanh")
    again = decoder_from(plain_map(decoder)), encoder_from(plain_map(encoder))
    z = RNG.normal(size=(20, 3))
    np.testing.assert_array_equal(again[0](z), decoder(z))
    np.testing.assert_array_equal(again[1](decoder(z)), encoder(decoder(z)))


@pytest.mark.parametrize("shape", [(3,), (2, 3), (0, 4), (1, 2, 3)])
def test_arrays_as_words(shape):
    array = RNG.normal(size=shape)
    np.testing.assert_array_equal(unpack(pack(array)), array)


@pytest.mark.parametrize(
    ("word", "wrong"),
    [
        ("abc", "no array"),
        ("2:AAAA", "3 bytes"),
        ("1:AAAAAAAA+H8=", "not all numbers are finite"),
        ("999999999x999999999:", "0 bytes"),
    ],
)
def test_words_that_are_no_arrays(word, wrong):
    with pytest.raises(ValueError, match=wrong):
        unpack(word)
    assert wrong in issues(f"decoder: {{skip: '{word}', bias: '0:', offset: '0:', coloring: '0x0:'}}", 0)


SPEC = """
latents: [a, b, c]
scm: {graph: [a -> b, a -> c], mechanism: {kind: linear}, noise: {kind: normal}}
mixing: {kind: decoder, MIXING}
environments: {obs: {}, one: {a: "Normal(0, 2)"}, two: {b: "Normal(0, 2)"}, three: {c: "Normal(0, 2)"}}
"""


def issues(mixing: str, observed: int | None = None) -> str:
    more = "" if observed is None else f"observed: {observed}, "
    with pytest.raises(SpecError) as caught:
        crlspec.loads(SPEC.replace("MIXING", more + mixing), origin="here.yaml")
    return str(caught.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """run.nc behind a known link, linear.nc behind a matrix; latents a, b and c."""
    made = tmp_path_factory.mktemp("results")
    text = SPEC.replace("kind: decoder, MIXING", "kind: glm, observed: 5")
    for name, one in (("run.nc", text), ("linear.nc", text.replace("kind: glm", "kind: linear"))):
        recovered(one, 300)[1].save(made / name)
    return made


@pytest.mark.parametrize(("name", "kind"), [("run.nc", "glm"), ("linear.nc", "linear")])
def test_a_file_is_found_beside_its_spec(folder, name, kind, monkeypatch, tmp_path):
    (folder / "spec.yaml").write_text(SPEC.replace("MIXING", f"file: {name}"))
    monkeypatch.chdir(tmp_path)
    spec = crlspec.load(folder / "spec.yaml")
    assert str(folder) not in crlspec.dump(spec)
    assert crlspec.loads(crlspec.dump(spec)) == spec
    assert spec.mixing.mixing_class == kind
    result, mixing = crlspec.open_result(folder / name), crlspec.compile(spec).mixing
    x = mixing(normal(30))
    np.testing.assert_allclose(mixing.inverse(x), result.encoder(x.numpy()))
    np.testing.assert_allclose(result.decoder(result.encoder(x.numpy())), x)
    assert mixing.observed == result.observed


def test_latents_are_found_by_name_or_told(folder):
    text = SPEC.replace("MIXING", f"file: {folder / 'run.nc'}")
    order, named = text.replace("[a, b, c]", "[c, a, b]"), text.replace(".nc}", ".nc, latents: [b, c, a]}")
    z = normal(30)
    expected = crlspec.open_result(folder / "run.nc").decoder(z.numpy()).values
    for other, turned in ((order, z[:, [2, 0, 1]]), (named, z[:, [2, 0, 1]])):
        np.testing.assert_allclose(crlspec.compile(crlspec.loads(other)).mixing(turned), expected)


def test_files_that_are_no_results(folder, tmp_path):
    (tmp_path / "text.nc").write_text("nothing")
    with h5py.File(tmp_path / "other.nc", "w") as file:
        file["x"] = np.zeros(3)
    whole = (folder / "run.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "broken.nc").write_bytes(whole)
    with h5py.File(tmp_path / "broken.nc", "a") as file:
        del file["decoder/skip"]
    for name, wrong in (
        ("nowhere.nc", "no such file"),
        ("text.nc", "cannot be read as NetCDF"),
        ("other.nc", "holds no result"),
        ("cut.nc", "the result is damaged"),
        ("broken.nc", "its content is not what was written"),
    ):
        told = issues(f"file: {tmp_path / name}")
        assert told.startswith(f"here.yaml:4:31: mixing.file: {tmp_path / name}: ")
        assert wrong in told
        assert "Remedy" in told
    assert "the name of a file is needed" in issues("file: 3")


def test_what_does_not_fit(folder):
    file = f"file: {folder / 'run.nc'}"
    assert "mixing.observed: got 7, but in the result 5 variables are observed" in issues(file, 7)
    assert "latents names 2 latents, but the decoder takes 3" in issues(f"{file}, latents: [a, b]")
    told = issues(f"{file}, latents: [a, b, z9]")
    assert "the decoder takes 3 latents (a, b, z9), but the spec has 3 (a, b, c)" in told
    assert "a file stands beside the numbers" in issues(f"{file}, decoder: {{}}")
    decoder, encoder = maps()
    with pytest.raises(ValueError, match="the encoder leads from 9"):
        declared(
            decoder, NetworkEncoder(Network(np.eye(2, 6), np.zeros(2)), encoder.projection, encoder.offset)
        )
    with pytest.raises(ValueError, match="observed is 8, but the decoder gives 9"):
        declared(decoder, encoder, observed=8)
    plain = {**plain_map(decoder), "coloring": pack(np.eye(3))}
    with pytest.raises(ValueError, match="do not fit together"):
        DecoderMixing(observed=9, decoder=plain)


def test_without_an_encoder_there_is_no_inverse():
    mixing = Decoder(declared(LEAKY[0], latents=LATENTS), LATENTS, torch.float64, "cpu")
    for ask in (mixing.inverse, mixing.encode):
        with pytest.raises(CrlspecError, match="without an encoder, and has no inverse"):
            ask(torch.zeros(2, 9, dtype=torch.float64))


def test_observations_beyond_a_link_have_no_latents():
    decoder, encoder = maps(link="tanh")
    mixing = Decoder(declared(decoder, encoder, latents=LATENTS), LATENTS, torch.float64, "cpu")
    x = mixing(normal(4))
    x[1, 0] = 1.5
    z = mixing.inverse(x)
    assert torch.isnan(z[1]).any()
    torch.testing.assert_close(mixing(z[[0, 2, 3]]), x[[0, 2, 3]])
