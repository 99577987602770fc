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
import json
import os
import sys
import warnings
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from torch import Tensor, nn

from edgejoule import plugins
from edgejoule.bench import before_after, grid, own_network, settings, width_sweep
from edgejoule.bench.own_network import Network
from edgejoule.prune import cutting, deploy, export, grouping, shrink
from edgejoule.prune.groups import Group
from edgejoule.prune.settings import Criterion

DEVICE = "device"  # instead of a multiple: the one whose widths run best here


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `edgejoule prune` takes."""
    _network_arguments(parser)
    _cut_arguments(parser)
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


def _network_arguments(parser: argparse.ArgumentParser) -> None:
    """Which network, with which weights, and what it is fed."""
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
        "--key", default="", help="entry of the checkpoint that holds it, such as model_ema"
    )
    parser.add_argument(
        "--input-shape",
        action="append",
        default=[],
        metavar="C,H,W",
        help="shape of one input; needed with --factory, once for every input",
    )
    parser.add_argument(
        "--submodule",
        metavar="NAME",
        help="cut this part alone, such as backbone; --input-shape is what enters it",
    )
    parser.add_argument("--classes", type=count, help="outputs of the model [the model's own]")


def _cut_arguments(parser: argparse.ArgumentParser) -> None:
    """What leaves, and what stays."""
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
    network = _network(args)
    model, example = network.model, network.inputs(1)
    found = grouping.find(model, example, mode=args.mode, ignore=tuple(args.ignore))
    if not found:
        said = "nothing of this model can be cut: {}".format(cutting.why_whole(found))
        print("edgejoule: " + said, file=sys.stderr)
        return 3
    criterion = Criterion(args.criterion, **dict(_option(args, text) for text in args.option))
    cut = cutting.Cut(
        ratio,
        args.mode,
        args.scope,
        tuple(args.ignore),
        args.min_channels,
        _multiple(args.multiple_of),
    )
    mask = cutting.chosen(criterion, _scores(criterion, network, found), found, cut)
    small = shrink.shrink(model, example, found, mask)
    report = dict(
        before_after.report(model, small, example, found, mask),
        mode=args.mode,
        ratio=ratio,
        model=(args.model or args.factory) + (":" + args.submodule if args.submodule else ""),
        criterion=args.criterion,
    )
    report["notes"] += network.notes
    if args.out:  # before anything is timed: what is proved should not be lost to a slow machine
        plan = export.plan(found, mask, example)
        report["files"], notes = _written(args.out, small, plan, kinds, network.inputs(2))
        report["notes"] += notes
    report["time"], notes = before_after.timed(model, small, example)
    report["notes"] += notes
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
        raise ValueError(
            "--out {!r}: {} is no folder: it is a file; name another".format(folder, place)
        )
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
    folder: str, small: nn.Module, plan: Dict[str, Any], kinds: Sequence[str], batch: Any
) -> Tuple[List[str], List[str]]:
    """Paths of what was written, the plan and the weights first, and what exporters warned of."""
    os.makedirs(folder, exist_ok=True)
    export.save(folder, small, plan)
    paths = [os.path.join(folder, name) for name in ("plan.json", "weights.pt")]
    with warnings.catch_warnings(record=True) as said:
        for kind in kinds:
            try:
                paths.append(deploy.write(small, batch, os.path.join(folder, "net"), kind))
            except OSError:
                raise
            except Exception as error:  # exporters need packages, and refuse nets in many ways
                raise RuntimeError(
                    "--export {}: {}; plan.json and weights.pt are written".format(
                        kind, str(error).split("\n")[0].rstrip(".!") or type(error).__name__
                    )
                ) from error
    return paths, [str(each.message) for each in said if each.category is deploy.FixedBatch]


def _network(args: argparse.Namespace) -> Network:
    shapes = [own_network.shape(text) for text in args.input_shape]
    if args.submodule and not shapes:
        raise ValueError("--submodule needs --input-shape, the shape of what enters that part")
    if args.model:
        network = own_network.named(args.model, args.classes, () if args.submodule else shapes)
        network = network._replace(shapes=tuple(shapes) or network.shapes)
    else:
        network = own_network.made(args.factory, shapes)
    if args.weights:
        network = own_network.loaded(network, args.weights, args.key)
    elif args.key:
        raise ValueError("--key names an entry of a checkpoint: add --checkpoint FILE")
    return own_network.part(network, args.submodule) if args.submodule else network


def _scores(criterion: Criterion, network: Network, found: Sequence[Group]) -> Dict[str, Tensor]:
    """Scores on random images: there is no data set here for criteria that look at data."""
    labels = torch.zeros(before_after.BATCH, dtype=torch.long)
    wanted = criterion.module.BATCHES
    if wanted and len(network.shapes) > 1:
        raise ValueError(
            "{} looks at data, and this command gives it one input a sample; for a network of {} "
            "inputs choose a criterion of weights, such as l2".format(
                criterion.name, len(network.shapes)
            )
        )
    batches = [(network.inputs(before_after.BATCH), labels) for _ in range(wanted)]
    return criterion.scores(network.model, found, batches)


def _option(args: argparse.Namespace, text: str) -> Tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError("--option {!r}; it is setting=value".format(text))
    known = plugins.options("criteria", args.criterion, "scores")
    settings.check_known(args.criterion, {key: value}, known)
    return key, grid.value(value)
