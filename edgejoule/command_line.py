"""The command line: hands each sub-command to its package, imported only when it is used.

`edgejoule ...` after `pip install`, `python3 edgejoule.py ...` from a clone without installing
(so runs a Jetson), `python3 -m edgejoule ...` from either.
"""

import argparse
import importlib
import os
import sys

from edgejoule import __version__

EXAMPLES = """\
examples:
  edgejoule run quick                        train, prune, measure; then see the report
  edgejoule run quick --dry-run              the plan, with its estimated FLOPs
  edgejoule run quick --set train.epochs=2 --sweep prune.ratio=0.3,0.5
  edgejoule report quick                     the page and the tables, again
  edgejoule nightly quick                    the same every night, judged by the nights before
  edgejoule devices                          which power sensors answer here
  edgejoule flops --model vgg16 --dataset cifar10 --epochs 160 --convention paper

exit codes: 0 fine, 1 something failed, 3 nothing was measured, 4 the request was not understood
"""
COMMANDS = (
    ("run", "bench", "run a suite: train, score, cut, retrain, measure"),
    ("nightly", "bench", "one night of a suite: doctor, cool, run, gate, confirm, report, tidy"),
    ("compare", "bench", "is B dearer than A? pairs of runs, turn by turn"),
    ("gate", "bench", "is last night red? against the nights before and the blessed one"),
    ("bless", "bench", "make a night the baseline that later ones are held to"),
    ("list", "bench", "what there is: suites, models, data sets, criteria, recipes, runs"),
    ("new", "bench", "begin a criterion, model, recipe, ... of your own"),
    ("show", "bench", "one run: settings, phases, ticket, warnings"),
    ("report", "reports", "the page and the tables of a suite's runs"),
    ("history", "reports", "the pages over all nights: last night, trends, all runs"),
    ("papers", "reports", "published result tables side by side with our runs"),
    ("devices", "devices", "power sensors of this machine, read once"),
    ("doctor", "devices", "is this machine fit to measure?"),
    ("watch", "devices", "live watts and temperature in this terminal"),
    ("measure", "devices", "joules of any command"),
    ("prune", "bench", "cut one model and print what it saves"),
    ("flops", "bench", "what training a model costs, in three conventions"),
    ("kernels", "bench", "the sign-code kernels: what is built, self-test, race"),
    ("zoo", "bench", "prove the cut on a zoo of networks"),
    ("meter-bench", "devices", "prove the meter on traces with known joules"),
)


class Parser(argparse.ArgumentParser):
    """Its complaints are one line and exit code 4, like every other complaint here."""

    def error(self, message):
        """Ends the program with what was not understood and where help is."""
        self.exit(4, "edgejoule: {}; see '{} --help'\n".format(message, self.prog))


def main(argv=None) -> int:
    """Exit code of one command line."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = _parser(argv).parse_args(argv)
    if args.command == "version":
        print(__version__)
        return 0
    try:
        return _module(args.command).run(args)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(
            "edgejoule: stopped; finished work is kept, the same command goes on", file=sys.stderr
        )
        return 130
    except (ValueError, RuntimeError, OSError) as error:
        if os.environ.get("EDGEJOULE_TRACEBACK"):
            raise
        print("edgejoule: {}".format(_one_line(error)), file=sys.stderr)
        return 1 if isinstance(error, RuntimeError) else 4


def _parser(argv):
    parser = Parser(
        prog="edgejoule",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
        description="What does it cost to train this network on this edge GPU, "
        "and what does pruning save?",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.required = True
    commands.add_parser("version", help="print the version")
    for name, package, text in COMMANDS:
        command = commands.add_parser(
            name, help=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name in argv[:1]:
            command.description = _module(name).__doc__
            _module(name).arguments(command)
    return parser


def _module(command: str):
    package = {name: package for name, package, _ in COMMANDS}[command]
    return importlib.import_module(
        "edgejoule.{}.commands.{}".format(package, command.replace("-", "_"))
    )


def _one_line(error) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":  # `launch.command("command_line", ...)`
    sys.exit(main())
