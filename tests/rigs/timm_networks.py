"""Small CNNs of timm, and what a cut of one must be: exact, with the counts that the plan says."""

import contextlib
from typing import Any, Iterator, NamedTuple, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import nn

from edgejoule.bench.zoo import examination
from edgejoule.bench.zoo.net import awake
from edgejoule.prune import grouping

_QUICK = "test_byobnet test_efficientnet test_nfnet test_resnet"  # miniatures of timm's
_SLOW = (
    "test_convnext test_convnext2 test_convnext3 test_efficientnet_evos test_efficientnet_gn "
    "test_efficientnet_ln test_mambaout resnet10t mobilenetv4_conv_small_035 starnet_s050 "
    "lcnet_050 mobilenetv3_small_050 mobilenetv2_035 ghostnet_050 rexnet_100 efficientvit_b0 "
    "dla46_c tinynet_e cs3darknet_focus_s edgenext_xx_small resnetv2_18 mnasnet_small "
    "mobileone_s0 repvgg_a0 repghostnet_050 regnetx_002 nf_regnet_b0 mixnet_s resnest14d "
    "skresnet18 lambda_resnet26t eca_resnext26ts gcresnext26ts seresnext26ts resnext26ts "
    "ecaresnet26t legacy_seresnet18 seresnet18 resnet14t resnet18 resnet18d mobilenetv1_100 "
    "mobilenetv2_100 mobilenetv3_large_100 mnasnet_050 semnasnet_075 spnasnet_100 fbnetc_100 "
    "fbnetv3_b efficientnet_lite0 efficientnet_es efficientnet_b0 hgnetv2_b0 fasternet_t0 "
    "shvit_s1 ghostnetv2_100"
)
QUICK, SLOW = _QUICK.split(), _SLOW.split()
VERDICTS = ("cut", "left whole", "wrong", "refused")
EXACT = 1e-10  # relative; float64 rounds to 1e-16, and sums of another order add to that
RATIOS = (0.1, 0.5)  # of each group's channels; the last is compared in numbers


# Two pictures, except where the last maps are single pixels: in train() a batch norm of two values
# magnifies rounding. The masked shvit_s1 moves by 2e-9 if its two pictures move by 1e-15.
PICTURES = {"shvit_s1": 4}


class Outcome(NamedTuple):
    """What became of one network in one mode."""

    verdict: str  # one of VERDICTS
    sentence: str


def built(name: str) -> Tuple[nn.Module, torch.Tensor]:
    """A network of timm for ten classes in float64, and pictures [n, 3, 64, 64]."""
    import timm

    torch.manual_seed(0)
    model = awake(timm.create_model(name, pretrained=False, num_classes=10)).double()
    return model, torch.randn(PICTURES.get(name, 2), 3, 64, 64, dtype=torch.float64)


def examined(name: str, mode: str) -> Outcome:
    """Finds, cuts at every ratio, and compares the half network with the masked one."""
    model, x = built(name)
    found = grouping.find(model, x, mode)
    if not named(model, found.whole):
        return Outcome("wrong", "no layer or no reason in {}".format(found.whole))
    if not found:
        return Outcome("left whole", "{}".format(found.whole[:3]))
    try:
        cuts = [examination.cut(model, x, found, ratio, "random") for ratio in RATIOS]
    except (RuntimeError, ValueError) as error:  # what was offered must be cut
        return Outcome("refused", str(error))
    return compared(cuts[-1], x)


def named(model: nn.Module, whole: Sequence[Tuple[str, str]]) -> bool:
    """Whether what stays whole is there (the classifier always is), each a layer with a reason."""
    layers = dict(model.named_modules())
    return bool(whole) and all(layer in layers and reason for layer, reason in whole)


def compared(case: examination.Cut, x: torch.Tensor) -> Outcome:
    """Whether a cut network computes the masked one's numbers and has the sizes of the plan."""
    with undropped():
        apart = examination.parity_of(case, x)
    counted, expected = examination.counted(case.small, x), examination.expected(case, x)
    right = apart < EXACT and counted == expected and not examination.empty(case.small)
    return Outcome(
        "cut" if right else "wrong",
        "{:.1e} apart, {} counted, {} expected".format(apart, counted, expected),
    )


@contextlib.contextmanager
def undropped() -> Iterator[None]:
    """Inside, dropout keeps everything.

    It draws a number per channel, so a smaller network in train() draws others than the masked
    one, and their outputs could not be compared.
    """
    drop = F.dropout

    def kept(input: torch.Tensor, *settings: Any, **named: Any) -> torch.Tensor:
        return input

    F.dropout = kept
    try:
        yield
    finally:
        F.dropout = drop
