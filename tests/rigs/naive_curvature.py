"""Curvature by the definition, image by image and class by class: what the tests compare with."""

import torch
from torch import nn


def tiny_net():
    """Grouped, strided, dilated and in-place layers, in float64: [n, 2, 7, 6] -> [n, 3]."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 3, (2, 1), padding=(1, 0), dilation=(2, 1)),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(36, 3),
    ).double()
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    return model


def tiny_batches(sizes=(3, 2)):
    torch.manual_seed(5)
    return [(torch.randn(n, 2, 7, 6).double(), torch.arange(n) % 3) for n in sizes]


def flat(parts):
    return torch.cat([part.reshape(-1) for part in parts])


def jacobians(model, names, x):
    """dz_c/dw for each image and class [n, classes, weights], one backward pass each."""
    weights = [model.get_parameter(name) for name in names]
    model.eval()
    found = []
    for image in range(len(x)):
        outputs = model(x[image : image + 1])[0]
        found.append(
            torch.stack([flat(torch.autograd.grad(z, weights, retain_graph=True)) for z in outputs])
        )
    return torch.stack(found)


def gauss_newton(model, names, batches):
    """The mean over images of J' (diag p - p p') J, class by class [weights, weights]."""
    total, images = 0, 0
    for x, _ in batches:
        p = model.eval()(x).softmax(1).detach()
        for rows, chances in zip(jacobians(model, names, x), p):
            images += 1
            for a in range(len(chances)):
                for b in range(len(chances)):
                    between = float((a == b) * chances[a] - chances[a] * chances[b])
                    total = total + between * torch.ger(rows[a], rows[b])
    return total / images


def empirical_fisher(model, names, batches):
    """The mean over images of the outer product of the gradient of each image's loss."""
    weights, total, images = [model.get_parameter(name) for name in names], 0, 0
    for x, y in batches:
        for image in range(len(x)):
            loss = -model.eval()(x[image : image + 1]).log_softmax(1)[0, y[image]]
            gradient = flat(torch.autograd.grad(loss, weights))
            total, images = total + torch.ger(gradient, gradient), images + 1
    return total / images
