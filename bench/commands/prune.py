r"""Cuts one model physically and prints what that saves: parameters, MACs, size, measured time.

The model is one of ours, or any function of yours that returns an nn.Module. Without a
checkpoint it is freshly initialised, which is what pruning before training wants.

  edgejoule prune --model resnet20 --criterion l2 --ratio 0.5
  edgejoule prune --model vgg16 --criterion spline --ratio 0.3 --option rho=0.1 --out small/
  edgejoule prune --factory mynet:build --input-shape 3,64,64 --checkpoint net.pt --criterion l1 \
      --ratio 0.5 --mode inner --multiple-of device --out small/ --export onnx,torchscript
  edgejoule prune --model resnet56 --criterion l2 --layer-ratio 'stages.0.*=0.3' \
      --layer-ratio 'stages.2.*=0.6'
"""

import argparse
import importlib
import json
import os
import sys
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.bench import before_after, grid, settings, width_sweep
from edgejoule.prune import cutting, deploy, export, grouping, shrink, tensor_file
from edgejoule.prune.groups import Group
from edgejoule.prune.settings import Criterion

DEVICE = "device"  # instead of a multiple: the one whose widths run best here
Shape = Tuple[int, ...]  # of one input, without the batch


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `edgejoule prune` takes."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="NAME", help="a network of `edgejoule list models`")
    which.add_argument("--factory", metavar="pkg:function", help="a function without arguments")
    parser.add_argument(
        "--checkpoint",
        "--weights",
        metavar="FILE",
        dest="weights",
        help="state dict to start from, tensors only",
    )
    parser.add_argument(
        "--input-shape", metavar="C,H,W", help="shape of one input; needed with --factory"
    )
    parser.add_argument("--classes", type=count, help="outputs of the model [the model's own]")
    parser.add_argument("--criterion", required=True, help="see `edgejoule list criteria`")
    parser.add_argument("--ratio", type=float, help="share of channels to remove")
    parser.add_argument(
        "--layer-ratio",
        action="append",
        default=[],
        metavar="PATTERN=R",
        help="the share of the groups of that name; those not named stay whole",
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="a=b", help="a setting of the criterion"
    )
    parser.add_argument("--mode", default="coupled", help="coupled, inner or select [coupled]")
    parser.add_argument("--scope", help="global or layer [what the criterion is made for]")
    parser.add_argument("--min-channels", type=count, default=1, help="least left in a group [1]")
    parser.add_argument(
        "--multiple-of",
        default="1",
        metavar="N",
        help="round widths to this, or to what this '{}' runs best, measured once [1]".format(
            DEVICE
        ),
    )
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="LAYER", help="a layer whose channels stay"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the fresh weights [0]")
    parser.add_argument("--out", metavar="FOLDER", help="write plan.json and weights.pt there")
    parser.add_argument(
        "--export",
        action="append",
        default=[],
        metavar="KIND,...",
        help="also write these to --out: {}".format(", ".join(sorted(deploy.FORMATS))),
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def count(text: str) -> int:
    """A whole number from 1.

    Raises:
        ValueError: the text is none; argparse makes a sentence of it.
    """
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def run(args: argparse.Namespace) -> int:
    """Exit code: 0, or 3 if nothing could be removed."""
    _check_out(args.out)  # before the work, which may take its time
    torch.manual_seed(args.seed)  # first: weights, the example and the scores' images draw from it
    ratio, kinds = _ratio(args), _kinds(args)
    model, shape = _model(args)
    example = torch.randn((1,) + shape)
    found = grouping.find(model, example, mode=args.mode, ignore=tuple(args.ignore))
    criterion = Criterion(args.criterion, **dict(_option(args, text) for text in args.option))
    cut = cutting.Cut(
        ratio,
        args.mode,
        args.scope,
        tuple(args.ignore),
        args.min_channels,
        _multiple(args.multiple_of),
    )
    mask = cutting.chosen(criterion, _scores(criterion, model, found, shape), found, cut)
    small = shrink.shrink(model, example, found, mask)
    report = dict(
        before_after.report(model, small, example, mask),
        mode=args.mode,
        ratio=ratio,
        model=args.model or args.factory,
        criterion=args.criterion,
    )
    if args.out:
        report["files"] = _written(
            args.out, small, export.plan(found, mask, example), kinds, torch.randn((2,) + shape)
        )
    print(json.dumps(report) if args.json else "\n".join(before_after.lines(report)))
    return 0 if report["cut"]["params"] < report["dense"]["params"] else 3


def _ratio(args: argparse.Namespace) -> Any:
    """One share, or {pattern: share}."""
    if (args.ratio is None) == (not args.layer_ratio):
        raise ValueError(
            "give either --ratio, such as 0.5, or --layer-ratio, such as 'stages.0.*=0.3'"
        )
    named = [text.rpartition("=")[::2] for text in args.layer_ratio]
    table = {pattern: grid.value(share) for pattern, share in named}
    for share in table.values() if table else [args.ratio]:
        settings.resolve(  # for its checks alone: what it says of a wrong ratio, a suite says too
            "prune", {"recipe": "one_shot", "criterion": args.criterion, "ratio": share}
        )
    return table or args.ratio


def _kinds(args: argparse.Namespace) -> List[str]:
    """The formats of --export, checked."""
    kinds = [kind for text in args.export for kind in text.split(",")]
    for kind in kinds:
        if kind not in deploy.FORMATS:
            raise ValueError(
                "--export {!r}; there are: {}.{}".format(
                    kind, ", ".join(sorted(deploy.FORMATS)), plugins.nearest(kind, deploy.FORMATS)
                )
            )
    if kinds and not args.out:
        raise ValueError("--export needs a folder to write to: add --out small/")
    return kinds


def _check_out(folder: Optional[str]) -> None:
    """Refuses what can be no folder to write to; it is made when there is something to write."""
    if not folder:
        return
    place = os.path.abspath(folder)
    while not os.path.lexists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise ValueError("--out {!r}: {} is no folder; name another".format(folder, place))
    if not os.access(place, os.W_OK | os.X_OK):
        raise ValueError("--out {!r}: {} cannot be written; name another".format(folder, place))


def _multiple(text: str) -> int:
    if text == DEVICE:
        return width_sweep.multiple()
    if not text.isdigit() or int(text) < 1:
        raise ValueError(
            "--multiple-of {!r}; it is a number from 1 on, such as 8, or '{}'".format(text, DEVICE)
        )
    return int(text)


def _written(
    folder: str, small: nn.Module, plan: Dict[str, Any], kinds: Sequence[str], batch: Tensor
) -> List[str]:
    """Paths of what was written: the plan and the weights, then other runtimes' formats."""
    os.makedirs(folder, exist_ok=True)
    export.save(folder, small, plan)
    paths = [os.path.join(folder, name) for name in ("plan.json", "weights.pt")]
    for kind in kinds:
        try:
            paths.append(deploy.write(small, batch, os.path.join(folder, "net"), kind))
        except (ImportError, RuntimeError) as error:  # exporters need packages, and refuse nets
            raise RuntimeError(
                "--export {}: {}; plan.json and weights.pt are written".format(
                    kind, str(error).splitlines()[0].rstrip(".!")
                )
            ) from error
    return paths


def _model(args: argparse.Namespace) -> Tuple[nn.Module, Shape]:
    if args.model:
        module = plugins.load("models", args.model)
        shape = _shape(args.input_shape) if args.input_shape else tuple(module.INPUT_SHAPE)
        model = module.build(args.classes or module.CLASSES, shape[0])
    else:
        if not args.input_shape:
            raise ValueError("--factory needs --input-shape, such as 3,224,224")
        shape, model = _shape(args.input_shape), _made(args.factory)
    if args.weights:
        _load(model, args.weights)
    return model, shape


def _load(model: nn.Module, path: str) -> None:
    """Fills the model from a file of tensors; nothing in the file is executed."""
    try:
        model.load_state_dict(tensor_file.state(path))
    except RuntimeError as error:  # torch lists what does not fit, a line each
        raise ValueError(
            "--weights {!r} do not fit the model: {}".format(
                path, " ".join(str(error).split())[:300]
            )
        ) from error


def _shape(text: str) -> Shape:
    try:
        shape: Shape = tuple(int(word) for word in text.split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ValueError(
            "--input-shape {!r}; it is channels,height,width such as 3,32,32".format(text)
        )
    return shape


def _made(factory: str) -> nn.Module:
    """What the user's function returns; the working folder is importable."""
    package, colon, name = factory.partition(":")
    if not colon:
        raise ValueError("--factory {!r}; it is package.module:function".format(factory))
    sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(package), name)()
    except (ImportError, AttributeError) as error:
        raise ValueError("--factory {!r} cannot be called: {}".format(factory, error)) from error


def _scores(
    criterion: Criterion, model: nn.Module, found: Sequence[Group], shape: Shape
) -> Dict[str, Tensor]:
    """Scores on random images: there is no data set here for criteria that look at data."""
    batches = [
        (
            torch.randn((before_after.BATCH,) + shape),
            torch.zeros(before_after.BATCH, dtype=torch.long),
        )
        for _ in range(criterion.module.BATCHES)
    ]
    return criterion.scores(model, found, batches)


def _option(args: argparse.Namespace, text: str) -> Tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError("--option {!r}; it is setting=value".format(text))
    known = plugins.options("criteria", args.criterion, "scores")
    settings.check_known(args.criterion, {key: value}, known)
    return key, grid.value(value)
