"""The command `faxgate`. Every command that lists or makes something prints JSON with `--json`, and whenever stdout is
not a terminal; errors go to stderr, with exit status 1 (2 for a wrong command line)."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from gateway.commands import faxing, operating, running, tenants
from gateway.errors import FaxgateError
from gateway.settings import BadSettingsError


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(asyncio.run(options.command(options)))
    except (FaxgateError, BadSettingsError) as error:
        detail = getattr(error, "detail", "")
        print(f"faxgate: {error}{f' ({detail})' if detail else ''}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"faxgate: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="faxgate", description="An email-to-fax and fax-to-email gateway.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for part in (running, tenants, faxing, operating):
        part.register(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
