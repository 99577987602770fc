"""The command line: hands each sub-command to its package, imported only when it is used.

`edgejoule ...` after `pip install`, `python3 edgejoule.py ...` from a clone without installing
(so runs a Jetson), `python3 -m edgejoule ...` from either.
"""

import argparse
import importlib
import os
import signal
import sys
from types import ModuleType
from typing import Any, Callable, List, NamedTuple, NoReturn, Optional, Sequence, Tuple

from edgejoule import __version__, needs
from edgejoule.stopping import BY_SIGNAL, STOP

EXAMPLES = """\
examples:
  edgejoule run quick                        train, prune, measure; then see the report
  edgejoule run quick --dry-run              the plan: FLOPs, hours and joules, as far as known
  edgejoule run quick --set train.epochs=2 --sweep prune.ratio=0.3,0.5
  edgejoule report quick                     the page and the tables, again
  edgejoule nightly quick                    the same every night, judged by the nights before
  edgejoule devices                          which power sensors answer here
  edgejoule flops --model vgg16 --dataset cifar10 --epochs 160 --convention paper

exit codes: 0 fine, 1 something failed, 3 nothing was measured, 4 the request was not understood,
130 stopped by Ctrl-C, 143 by SIGTERM
"""
TRAINING = ("torch", "numpy", "tqdm")  # what a worker imports, however late it is started
MAY_BE_EMPTY = ("why", "thresholds")  # no reason given; the present thresholds
PAGES = ("numpy", "pandas", "jinja2")


class Command(NamedTuple):
    """A sub-command: the package it is a module of, its line of help, the modules it needs.

    `resumes`: stopped and called again, it goes on with what it had finished.
    `stops`: it ends at Ctrl-C in a way of its own.
    `lent`: an argument of its `run`, and the function of another package that this is; packages
    do not import one another's, so it is handed over here.
    """

    name: str
    package: str
    text: str
    needs: Tuple[str, ...] = ()
    resumes: bool = False
    stops: bool = False
    lent: Tuple[Tuple[str, str], ...] = ()


COMMANDS = (
    Command(
        "run",
        "bench",
        "run a suite: train, score, cut, retrain, measure",
        TRAINING,
        True,
        lent=(("published", "reports.papers.planned_rows.published"),),
    ),
    Command(
        "nightly",
        "bench",
        "one night of a suite: doctor, cool, run, gate, confirm, report, tidy",
        TRAINING,
        True,
    ),
    Command("compare", "bench", "is B dearer than A? pairs of runs, turn by turn", TRAINING, True),
    Command(
        "gate",
        "bench",
        "is last night red? against the nights before and the blessed one",
        ("numpy",),
        True,
    ),
    Command("bless", "bench", "make a night the baseline that later ones are held to"),
    Command("list", "bench", "what there is: suites, models, data sets, criteria, recipes, runs"),
    Command("new", "bench", "begin a criterion, model, recipe, ... of your own"),
    Command("show", "bench", "one run: settings, phases, ticket, warnings"),
    Command("verify", "bench", "derive every stored number again, say what differs", TRAINING),
    Command("report", "reports", "the page and the tables of a suite's runs", PAGES),
    Command("history", "reports", "the pages over all nights: last night, trends, all runs", PAGES),
    Command("papers", "reports", "published result tables side by side with our runs", PAGES),
    Command("devices", "devices", "power sensors of this machine, read once"),
    Command("doctor", "devices", "is this machine fit to measure?"),
    Command("calibrate", "devices", "the board's sensor against a bench meter", stops=True),
    Command("watch", "devices", "live watts and temperature in this terminal", stops=True),
    Command("measure", "devices", "joules of any command"),
    Command("prune", "bench", "cut one model and print what it saves", ("torch", "numpy")),
    Command(
        "flops", "bench", "what training a model costs, in three conventions", ("torch", "numpy")
    ),
    Command(
        "kernels", "bench", "the sign-code kernels: what is built, self-test, race", ("numpy",)
    ),
    Command("zoo", "bench", "prove the cut on a zoo of networks", ("torch", "numpy")),
    Command("meter-bench", "devices", "prove the meter on traces with known joules"),
)


class Parser(argparse.ArgumentParser):
    """Its complaints are one line and exit code 4, like every other complaint here."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with what was not understood and where help is."""
        line = _one_line(message)  # what was typed may be of several
        self.exit(4, "edgejoule: {}; see '{} --help'\n".format(line, self.prog))


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Exit code of one command line; without `argv` it is this process's, and so are signals."""
    if argv is None:
        STOP.heed()
        try:
            return _answered(sys.argv[1:])
        finally:
            STOP.leave()
    return _answered(list(argv))


def _answered(argv: List[str]) -> int:
    """Exit code, after the one line that anything wrong comes to."""
    try:
        return _run(argv)
    except BrokenPipeError:  # who read our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt as error:
        if STOP.number is None:  # else it is said already
            _complain(_stopped(argv[0] if argv else ""))
        return BY_SIGNAL + getattr(error, "number", signal.SIGINT)
    except ImportError as error:
        text = needs.sentence(argv[0], error)
        if text is None or _wants_traceback():
            raise
        _complain(text)
        return 4
    except (ValueError, RuntimeError, OSError) as error:
        if _wants_traceback():
            raise
        _complain(str(error) or type(error).__name__)
        return 1 if isinstance(error, RuntimeError) else 4


def _run(argv: List[str]) -> int:
    STOP.expect(_stopped(argv[0] if argv else ""))
    chosen = [command for command in COMMANDS if command.name in argv[:1]]
    if chosen and not {"-h", "--help"} & set(argv):  # before a parser imports its module
        needs.check(chosen[0].name, chosen[0].needs)
    parser = _parser(chosen)
    args = parser.parse_args(argv)
    _check_words(parser, args, argv)
    if args.command == "version":
        print(__version__)
        return 0
    STOP.begin(chosen[0].stops)
    return _module(chosen[0]).run(args)


def _check_words(parser: Parser, args: argparse.Namespace, argv: List[str]) -> None:
    """Refuses an empty word, such as "$TRACE" if that is not set: it would pass for no word."""
    for name, value in vars(args).items() if "" in argv else ():
        if value == "" and name not in MAY_BE_EMPTY:
            parser.error("{} is empty; say what it is, or leave it away".format(name))


def _parser(chosen: List[Command]) -> Parser:
    """Knows every command by name, and the arguments of the chosen one."""
    parser = Parser(
        prog="edgejoule",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
        description="What does it cost to train this network on this edge GPU, "
        "and what does pruning save?",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True  # not an argument of add_subparsers on Python 3.6
    commands.add_parser("version", help="print the version")
    for command in COMMANDS:
        sub = commands.add_parser(
            command.name, help=command.text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if command in chosen:
            sub.description = _module(command).__doc__
            _module(command).arguments(sub)
            sub.set_defaults(**{name: _lent(where) for name, where in command.lent})
    return parser


def _lent(where: str) -> Callable[..., Any]:
    """The function of that dotted name, imported when it is called: most calls never do."""
    module, _, name = where.rpartition(".")

    def call(*given: Any) -> Any:
        return getattr(importlib.import_module("edgejoule." + module), name)(*given)

    return call


def _module(command: Command) -> ModuleType:
    return importlib.import_module(
        "edgejoule.{}.commands.{}".format(command.package, command.name.replace("-", "_"))
    )


def _stopped(name: str) -> str:
    """What Ctrl-C leaves of a command."""
    if any(command.resumes for command in COMMANDS if command.name == name):
        return "stopped; finished work is kept, the same command goes on"
    return "stopped before {} was done; called again it begins anew".format(name or "anything")


def _complain(text: str) -> None:
    print("edgejoule: {}".format(_one_line(text)), file=sys.stderr)


def _wants_traceback() -> bool:
    return bool(os.environ.get("EDGEJOULE_TRACEBACK"))


def _one_line(text: str) -> str:
    """The text on one line; bytes of a command line that are no UTF-8 are shown as escapes."""
    return " ".join(text.split()).encode("utf8", "backslashreplace").decode("utf8")


if __name__ == "__main__":  # `launch.command("command_line", ...)`
    sys.exit(main())
