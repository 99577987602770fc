"""Cuts one model physically and prints what that saves: parameters, MACs, size, measured time.

The model is one of ours, or any function of yours that returns an nn.Module. Without --weights
it is freshly initialised, which is what pruning before training wants.

  edgejoule prune --model resnet20 --criterion l2 --ratio 0.5
  edgejoule prune --model vgg16 --criterion spline --ratio 0.3 --option rho=0.1 --out small/
  edgejoule prune --factory mynet:build --input-shape 3,64,64 --weights net.pt --criterion l1 \\
      --ratio 0.5 --mode inner
"""
import importlib
import json
import os
import sys

import torch

from bench import grid, latency, plugins, settings
from prune import cost, cutting, export, groups, shrink, steps, tensor_file

BATCH = 8


def arguments(parser):
    """What `edgejoule prune` takes."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", metavar="NAME", help="a network of `edgejoule list models`")
    which.add_argument("--factory", metavar="pkg:function", help="a function without arguments")
    parser.add_argument("--weights", metavar="FILE", help="state dict to start from, tensors only")
    parser.add_argument("--input-shape", metavar="C,H,W", help="shape of one input; needed with "
                                                               "--factory")
    parser.add_argument("--classes", type=int, help="outputs of the model [the model's own]")
    parser.add_argument("--criterion", required=True, help="see `edgejoule list criteria`")
    parser.add_argument("--ratio", required=True, type=float, help="share of channels to remove")
    parser.add_argument("--option", action="append", default=[], metavar="a=b",
                        help="a setting of the criterion")
    parser.add_argument("--mode", default="coupled", help="coupled, inner or select [coupled]")
    parser.add_argument("--scope", help="global or layer [what the criterion is made for]")
    parser.add_argument("--min-channels", type=int, default=1, help="least left in a group [1]")
    parser.add_argument("--multiple-of", type=int, default=1, help="round widths up to this [1]")
    parser.add_argument("--ignore", action="append", default=[], metavar="LAYER",
                        help="a layer whose channels stay")
    parser.add_argument("--seed", type=int, default=0, help="of the fresh weights [0]")
    parser.add_argument("--out", metavar="FOLDER", help="write plan.json and weights.pt there")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args) -> int:
    """Exit code: 0, or 3 if nothing could be removed."""
    torch.manual_seed(args.seed)
    settings.resolve("prune", {"recipe": "one_shot", "criterion": args.criterion,
                               "ratio": args.ratio})
    model, shape = _model(args)
    example = torch.randn((1,) + shape)
    found = groups.find(model, example, mode=args.mode, ignore=tuple(args.ignore))
    criterion = steps.method(args.criterion, dict(_option(args, text) for text in args.option))
    cut = cutting.Cut(args.ratio, args.mode, args.scope, tuple(args.ignore), args.min_channels,
                      args.multiple_of)
    mask = cutting.chosen(criterion, _scores(criterion, model, found, shape), found, cut)
    small = shrink.shrink(model, example, found, mask)
    report = _report(args, model, small, example, mask)
    if args.out:
        os.makedirs(args.out, exist_ok=True)
        export.save(args.out, small, export.plan(found, mask, example))
        report["out"] = args.out
    print(json.dumps(report) if args.json else "\n".join(_lines(report)))
    return 0 if report["cut"]["params"] < report["dense"]["params"] else 3


def _model(args):
    if args.model:
        module = plugins.load("bench/models", args.model)
        shape = _shape(args.input_shape) if args.input_shape else tuple(module.INPUT_SHAPE)
        model = module.build(args.classes or module.CLASSES, shape[0])
    else:
        if not args.input_shape:
            raise ValueError("--factory needs --input-shape, such as 3,224,224")
        shape, model = _shape(args.input_shape), _made(args.factory)
    if args.weights:
        _load(model, args.weights)
    return model, shape


def _load(model, path: str) -> None:
    """Fills the model from a file of tensors; nothing in the file is executed."""
    try:
        model.load_state_dict(tensor_file.state(path))
    except RuntimeError as error:  # torch lists what does not fit, a line each
        raise ValueError("--weights {!r} do not fit the model: {}".format(
            path, " ".join(str(error).split())[:300]))


def _shape(text: str):
    try:
        shape = tuple(int(word) for word in text.split(","))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ValueError("--input-shape {!r}; it is channels,height,width such as 3,32,32".format(
            text))
    return shape


def _made(factory: str):
    """What the user's function returns; the working folder is importable."""
    package, colon, name = factory.partition(":")
    if not colon:
        raise ValueError("--factory {!r}; it is package.module:function".format(factory))
    sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(package), name)()
    except (ImportError, AttributeError) as error:
        raise ValueError("--factory {!r} cannot be called: {}".format(factory, error))


def _scores(criterion, model, found, shape):
    """Scores on random images: there is no data set here for criteria that look at data."""
    batches = [(torch.randn((BATCH,) + shape), torch.zeros(BATCH, dtype=torch.long))
               for _ in range(criterion.module.BATCHES)]
    return criterion.module.scores(model, found, batches, **criterion.scores)


def _option(args, text: str):
    key, equals, value = text.partition("=")
    if not equals:
        raise ValueError("--option {!r}; it is setting=value".format(text))
    known = plugins.options("prune/criteria", args.criterion, "scores")
    settings.check_known(args.criterion, {key: value}, known)
    return key, grid.value(value)


def _report(args, model, small, example, mask):
    batch = torch.randn((BATCH,) + tuple(example.shape[1:]))
    return {
        "model": args.model or args.factory, "criterion": args.criterion, "ratio": args.ratio,
        "mode": args.mode, "dense": _size(model, example), "cut": _size(small, example),
        "channels_removed": mask.channels - mask.kept, "channels_prunable": mask.channels,
        "time": latency.compare(model, small, batch), "batch": BATCH, "notes": list(mask.notes),
    }


def _size(model, example):
    counted = cost.count(model, example)
    size = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    return {"params": counted.params, "forward_macs": counted.forward_macs,
            "train_macs": counted.train_macs, "bytes": size,
            "uncounted": list(counted.uncounted)}


def _lines(report):
    yield "{model}, {criterion} at ratio {ratio:g}, mode {mode}: {channels_removed} of " \
          "{channels_prunable} prunable channels removed\n".format(**report)
    yield "{:28} {:>15} {:>15} {:>8}".format("", "dense", "cut", "ratio")
    for key, words in (("params", "parameters"), ("forward_macs", "forward MACs per sample"),
                       ("train_macs", "training MACs per sample"), ("bytes", "bytes of tensors")):
        dense, cut = report["dense"][key], report["cut"][key]
        yield "{:28} {:>15,} {:>15,} {:>8.3f}".format(words, dense, cut, cut / dense)
    for key, words in (("forward", "forward, ms"), ("train_step", "training step, ms")):
        row = report["time"][key]
        yield "{:28} {:>15.3f} {:>15.3f} {:>8.3f}  [{:.3f}, {:.3f}]".format(
            "{} (batch {})".format(words, report["batch"]), row["dense_seconds"] * 1e3,
            row["cut_seconds"] * 1e3, row["ratio"], row["low"], row["high"])
    for note in report["notes"]:
        yield "note: " + note
    if "out" in report:
        yield "\nwritten: {0}/plan.json, {0}/weights.pt".format(report["out"])
