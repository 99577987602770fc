"""What training a model costs: FLOPs by three conventions that papers mix and this tool does not.

exact    2 FLOPs per multiply-accumulate of the forward pass and of both gradients, counted layer
         by layer; the first layer owes no gradient for its input.
paper    3 x the forward FLOPs of the pruning literature's counter, which adds batch norms, ReLUs
         and poolings and rounds to 0.01 GFLOP. Reproduces published tables digit by digit.
fvcore   3 x fvcore's own forward figure, which calls one multiply-accumulate one flop.

  edgejoule flops --model resnet50 --dataset imagenet --epochs 90 --convention paper
  edgejoule flops --model resnet20 --dataset digits
  edgejoule flops --model mlp5 --dataset cifar10 --set model.side=32
"""

import argparse
import json
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import torch
from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.bench import data, fit, grid, settings
from edgejoule.prune import cost

MEANINGS = {
    "exact": "2 FLOPs per MAC, forward and both gradients",
    "paper": "3 x forward rounded to 0.01 GFLOP, with norms, ReLUs, poolings",
    "fvcore": "3 x fvcore's forward figure, 1 flop per MAC",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `edgejoule flops` takes."""
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="a network of `edgejoule list models`"
    )
    parser.add_argument(
        "--dataset",
        required=True,
        metavar="NAME",
        help="gives the number and the shape of the pictures; is not read",
    )
    parser.add_argument(
        "--epochs", type=int, default=1, metavar="N", help="passes over the training set [1]"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="model.a=b",
        dest="overrides",
        help="a setting of the model, model.shortcut=A, or dataset.resize=224",
    )
    parser.add_argument(
        "--convention", default="all", metavar="NAME", help="exact, paper, fvcore or all [all]"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 3 if no asked convention is defined for this network."""
    asked = _conventions(args.convention)
    if args.epochs < 1:
        raise ValueError("--epochs {}: training takes 1 epoch or more".format(args.epochs))
    model, example, images = _network(*_tables(args))
    report = _report(args, model, example, images, asked)
    print(json.dumps(report) if args.json else "\n".join(_lines(report)))
    return 0 if any(row["flops"] for row in report["conventions"].values()) else 3


def _conventions(name: str) -> Tuple[str, ...]:
    if name != "all" and name not in cost.CONVENTIONS:
        allowed = cost.CONVENTIONS + ("all",)
        raise ValueError(
            "--convention {!r}: choose one of {}.{}".format(
                name, ", ".join(allowed), plugins.nearest(name, allowed)
            )
        )
    return cost.CONVENTIONS if name == "all" else (name,)


def _tables(args: argparse.Namespace) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """The names and settings of model and data set, checked."""
    sections: Dict[str, List[Dict]] = {
        "model": [{"name": plugins.check("models", args.model)}],
        "dataset": [{"name": plugins.check("datasets", args.dataset)}],
    }
    for text in args.overrides:
        if not text.startswith(("model.", "dataset.resize=")):
            raise ValueError(
                "--set {!r}: only model.key=value and dataset.resize=pixels change FLOPs here; "
                "epochs and data set have options of their own".format(text)
            )
        grid.override(sections, text)
    model, dataset = (settings.resolve(name, sections[name][0]) for name in ("model", "dataset"))
    return model, dataset


def _network(table: Dict[str, Any], dataset: Dict[str, Any]) -> Tuple[nn.Module, Tensor, int]:
    """(model, one picture of zeros [1, c, h, w], training pictures)."""
    source = plugins.load("datasets", dataset["name"])
    module = plugins.load("models", table["name"])
    options = {key: value for key, value in table.items() if key != "name"}
    model = module.build(source.CLASSES, source.INPUT_SHAPE[0], **options)
    example = torch.zeros((1,) + data.shape(source, dataset))  # values change no count
    fit.check(model.eval(), example, table["name"], dataset["name"])
    return model, example, source.TRAIN_IMAGES


def _report(
    args: argparse.Namespace, model: nn.Module, example: Tensor, images: int, asked: Sequence[str]
) -> Dict[str, Any]:
    counted = cost.count(model, example)
    report: Dict[str, Any] = {
        "model": args.model,
        "dataset": args.dataset,
        "epochs": args.epochs,
        "images": images,
        "input_shape": list(example.shape[1:]),
    }
    report.update(counted._asdict(), train_macs=counted.train_macs)  # a property, not a field
    report["conventions"] = {
        name: _row(name, cost.train_figure(model, example, name), images * args.epochs)
        for name in asked
    }
    if "fvcore" in asked:
        report["fvcore_forward"] = cost.fvcore_forward(model, example)
    if len(asked) == 1:  # so that a script need not know the name of what it asked for
        report.update(convention=asked[0], **report["conventions"][asked[0]])
    return report


def _row(name: str, figure: cost.Figure, samples: int) -> Dict[str, Any]:
    """One convention's figures; PFLOPs (1e15) to six digits, as exact as tables print them."""
    total = None if figure.flops is None else figure.flops * samples
    return {
        "flops_per_image": figure.flops,
        "flops": total,
        "pflops": None if total is None else float("{:.6g}".format(total / 1e15)),
        "reason": figure.reason,
        "meaning": MEANINGS[name],
    }


def _lines(report: Dict[str, Any]) -> Iterator[str]:
    yield "{model} on {dataset}: {params:,} parameters, {images:,} pictures {input_shape}".format(
        **report
    )
    yield (
        "per picture: {:,} MACs forward, {:,} for inputs' gradients, {:,} for weights' "
        "gradients, {:,} elementwise FLOPs".format(
            report["forward_macs"],
            report["input_gradient_macs"],
            report["weight_gradient_macs"],
            report["elementwise"],
        )
    )
    if report["uncounted"]:
        yield "not counted, the figures are too low by: " + ", ".join(report["uncounted"])
    yield "\n{:10} {:>18} {:>24}   {}".format(
        "convention",
        "GFLOPs a picture",
        "PFLOPs of {} epoch{}".format(report["epochs"], "s" if report["epochs"] > 1 else ""),
        "meaning",
    )
    for name, row in report["conventions"].items():
        if row["flops"] is None:
            yield "{:10} {:>18} {:>24}   {}".format(name, "-", "-", row["reason"])
        else:
            yield "{:10} {:>18.6g} {:>24.6g}   {}".format(
                name, row["flops_per_image"] / 1e9, row["pflops"], row["meaning"]
            )
