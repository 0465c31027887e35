"""`faxgate` as it is typed, run in this process: starting one takes seconds, most commands a fraction of one."""

import io
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from gateway.cli import main

Done = CompletedProcess[str]


def run(*arguments: str, folder: Path, settings: Mapping[str, str], given: str = "") -> Done:
    """What the command prints and its exit status, in this folder, with these variables set and `given` on stdin."""
    with (
        pytest.MonkeyPatch.context() as here,
        redirect_stdout(io.StringIO()) as stdout,
        redirect_stderr(io.StringIO()) as stderr,
    ):
        here.chdir(folder)
        here.setattr(sys, "stdin", io.StringIO(given))
        for name, value in settings.items():
            here.setenv(name, value)
        try:
            status = main(arguments)
        except SystemExit as error:  # of argparse
            status = int(error.code or 0)
    return CompletedProcess(arguments, status, stdout.getvalue(), stderr.getvalue())
