"""A linear map and a perceptron beside it: where it starts, and its volume."""

import torch

from crlspec.numerics.residual import ResidualNetwork


def network(replicas=2, inputs=3, outputs=3):
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(replicas, inputs, outputs, generator=generator)
    return ResidualNetwork(start, 8, generator), start, generator


def test_it_starts_at_its_linear_map():
    found, start, generator = network(inputs=4)
    u = torch.randn(2, 10, 4, generator=generator)
    torch.testing.assert_close(found(u), u @ start)


def test_its_volume_is_that_of_autograd():
    found, _, generator = network()
    torch.nn.init.normal_(found.weights[-1], generator=generator)
    u = torch.randn(2, 5, 3, generator=generator)
    value, log_volume = found.with_log_volume(u)
    torch.testing.assert_close(value, found(u))
    for replica in range(2):
        for k in range(5):
            jacobian = torch.autograd.functional.jacobian(
                lambda point, r=replica: found(point.expand(2, 1, 3))[r, 0], u[replica, k]
            )
            torch.testing.assert_close(
                log_volume[replica, k], torch.linalg.slogdet(jacobian)[1], rtol=1e-4, atol=1e-4
            )
