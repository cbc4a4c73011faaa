"""What all families share: draws, YAML, pickling, device and dtype."""

import abc
import copy
import pickle
from typing import Any, ClassVar

import numpy as np
import torch
import yaml

from crlspec.registry import Declaration
from crlspec.testing.places import all_in
from crlspec.typing import Tensor

__all__ = ["FamilyContract"]


class FamilyContract(abc.ABC):
    """What all families share: draws, YAML, pickling, device and dtype."""

    device: ClassVar[str] = "cpu"
    dtype: ClassVar[torch.dtype] = torch.float64

    @abc.abstractmethod
    def declaration(self) -> Any:
        """A declaration of the family as a spec would hold it, with something left to draw where there can be."""

    @abc.abstractmethod
    def resolved(self, seed: int = 0) -> Any:
        """The declaration after ``draw``."""

    @abc.abstractmethod
    def built(self, dtype: torch.dtype | None = None) -> Any:
        """The implementation, built from the resolved declaration."""

    @abc.abstractmethod
    def values(self, built: Any) -> Tensor:
        """Some output of the implementation at fixed points; floating-point."""

    @property
    def tolerance(self) -> float:
        """The relative accuracy asked for in this dtype."""
        return 1e-9 if self.dtype == torch.float64 else 1e-4

    def points(self, count: int, size: int, dtype: torch.dtype | None = None) -> Tensor:
        """Fixed standard normal points, shape (count, size)."""
        numbers = np.random.default_rng(7).standard_normal((count, size))
        return torch.tensor(numbers, dtype=dtype or self.dtype, device=self.device)

    def test_draw_leaves_no_randomness(self) -> None:
        resolved = self.resolved(0)
        assert resolved.is_resolved
        assert _plain(self._again(resolved, 1)) == _plain(resolved)

    def test_draw_is_the_same_for_the_same_seed(self) -> None:
        assert _plain(self.resolved(3)) == _plain(self.resolved(3))

    def test_declarations_survive_yaml(self) -> None:
        for declaration in (self.declaration(), self.resolved()):
            text = yaml.safe_dump(_plain(declaration))
            assert type(declaration).model_validate(yaml.safe_load(text)) == declaration

    def test_declarations_are_frozen_and_closed(self) -> None:
        declaration: Declaration = self.declaration()
        for attempt in (
            lambda: setattr(declaration, "kind", "other"),
            lambda: type(declaration).model_validate({**_plain(declaration), "unknown_key": 1}),
        ):
            try:
                attempt()
            except ValueError:
                continue
            raise AssertionError("a declaration must be frozen and refuse unknown keys")

    def test_pickling_keeps_the_numbers(self) -> None:
        built = self.built()
        copy = pickle.loads(pickle.dumps(built))
        assert torch.equal(self.values(copy), self.values(built))

    def test_device_and_dtype_are_kept(self) -> None:
        for dtype in (torch.float32, torch.float64):
            values = self.values(self.built(dtype))
            assert values.dtype == dtype
            assert values.device.type == torch.device(self.device).type

    def test_moving_equals_building_there(self) -> None:
        moved = self.built(torch.float64).to(torch.float32)
        torch.testing.assert_close(
            self.values(moved), self.values(self.built(torch.float32)), rtol=1e-4, atol=1e-5
        )

    def test_it_is_evaluated_where_it_is_in_its_dtype(self) -> None:
        for dtype in (torch.float32, torch.float64):
            built = self.built(dtype)
            with all_in(dtype, self.device):
                self.evaluated(built, dtype)

    def test_it_is_evaluated_on_a_device_without_numbers(self) -> None:
        there = copy.copy(self)
        there.device = "meta"  # type: ignore[misc]
        for dtype in (torch.float32, torch.float64):
            built, expected = there.built(dtype), self.evaluated(self.built(dtype), dtype)
            with all_in(dtype, "meta"):
                found = there.evaluated(built, dtype)
            assert [value.shape for value in found] == [value.shape for value in expected]

    def evaluated(self, built: Any, dtype: torch.dtype) -> list[Tensor]:
        """All that the implementation computes of points on ``self.device``, no matter which."""
        return [self.values(built)]

    @abc.abstractmethod
    def _again(self, resolved: Any, seed: int) -> Any:
        """``draw`` of a declaration that is resolved already."""


def _plain(declaration: Declaration) -> dict[str, Any]:
    return declaration.model_dump(mode="json")
