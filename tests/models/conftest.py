"""Contracts run on the device and in the dtype under test."""

import pytest

from crlspec.testing import FamilyContract


@pytest.fixture(autouse=True)
def _where(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if isinstance(request.instance, FamilyContract):
        monkeypatch.setattr(type(request.instance), "device", request.getfixturevalue("device"))
        monkeypatch.setattr(type(request.instance), "dtype", request.getfixturevalue("dtype"))
