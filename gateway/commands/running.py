"""Commands that run the gateway, or see whether it could run."""

import argparse
import asyncio
import json
import logging
import resource
import signal
import sys
from dataclasses import asdict

from gateway.commands.command import Commands, add, importing
from gateway.settings import ROLES, read


def register(commands: Commands) -> None:
    serve = add(commands, "serve", _serve, "run the gateway")
    serve.add_argument("--role", action="append", choices=ROLES, help="run this role only; may be repeated")
    serve.add_argument("--verbose", action="store_true", help="log more")

    doctoring = add(commands, "doctor", _doctor, "find what is missing, and how to get it")
    doctoring.add_argument("--missing-packages", action="store_true", help="only name the system packages to install")

    add(commands, "demo", _demo, "mail a PDF, fax it, receive it as mail: the whole way on this machine")


async def _serve(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT, which drains; a second one hangs up."""
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    for library in ("aiosqlite", "mail.log", "alembic", "uvicorn.error", "PIL"):
        logging.getLogger(library).setLevel(logging.WARNING)
    _raise_file_limit()
    with importing():
        from gateway.app import App

    app = App(read(), roles=options.role or ROLES)
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    await app.start()
    logging.getLogger("gateway").info("ready")
    try:
        await asked.wait()
        asked.clear()
        logging.info("stopping: waiting for the running calls; a second signal hangs up")
        draining, impatience = asyncio.create_task(app.drain()), asyncio.create_task(asked.wait())
        await asyncio.wait([draining, impatience], return_when=asyncio.FIRST_COMPLETED)
        if not draining.done():
            logging.info("stopping: hanging up")
            await app.hang_up()
        await draining
        impatience.cancel()
    finally:
        await app.stop()
    logging.info("stopped")
    return 0


def _raise_file_limit() -> None:
    """As many open files as the system allows: each connection is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _doctor(options: argparse.Namespace) -> int:
    from gateway import doctor

    if options.missing_packages:
        print(" ".join(doctor.missing_packages()))
        return 0
    findings = await doctor.examine(read())
    if options.json or not sys.stdout.isatty():
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            state = "MISSING" if not finding.ok else "ok" if finding.safe else "UNSAFE"
            print(f"{state:<7}  {finding.name}: {finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1


async def _demo(_: argparse.Namespace) -> int:
    from gateway import demo

    return await demo.run()
