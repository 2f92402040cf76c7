"""The commands. What only one of them needs is loaded when it runs, so that help comes at once.

Exit codes: 0 done, 2 wrong use, 6 something on the disk is not in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mifeng_crypto.errors import MifengError, UsageError
from mifeng_server.cli.command import STORAGE, USAGE, App
from mifeng_server.text import _
from mifeng_server.text import explain as explain_error

__all__ = ["STORAGE", "USAGE", "Data", "app", "run_command"]

GC_THRESHOLDS = 20_000, 20, 20
"""Requests leave no cycles behind: to look for some after every 700 objects takes a tenth of all
time."""

app = App(
    name="mifeng-server",
    help=_("Mifeng's server: orders and keeps what it cannot read."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        help=_("The server's data folder."),
        envvar="MIFENG_DATA",
        readable=False,  # who may not read it is told so by whoever tries
    ),
]


def _say_version(*, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"mifeng-server {version('mifeng')}")
        raise typer.Exit


@app.callback()
def _all_commands(
    lang: Annotated[
        str | None,
        typer.Option(metavar="en|zh_CN", help=_("The language; else MIFENG_LANG, else LANG.")),
    ] = None,
    version: Annotated[  # noqa: ARG001 - typer asks `_say_version`
        bool,
        typer.Option(
            "--version",
            callback=lambda asked: _say_version(asked=asked),
            is_eager=True,
            help=_("Print the version."),
        ),
    ] = False,
) -> None:
    del lang  # read before all else, by `use_from`


@app.command(help=_("Make a data folder, and print the one-time founding link."))
def init(  # noqa: PLR0917 - typer names them all
    data: Data,
    address: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help=_("How clients reach the server: https://host:port. Port 0 chooses a free one."),
        ),
    ],
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="IP", help=_("The network address to listen on; else all, or loopback.")
        ),
    ] = None,
    cert: Annotated[
        Path | None,
        typer.Option(
            metavar="PEM", help=_("A certificate that clients trust, instead of a pinned key.")
        ),
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="PEM", help=_("The private key of --cert."))
    ] = None,
    database: Annotated[
        str,
        typer.Option(
            metavar="URL", help=_("postgresql://user@host/name instead of SQLite in the folder.")
        ),
    ] = "",
    blobs: Annotated[
        str, typer.Option(metavar="URL", help=_("s3://bucket/prefix instead of a folder."))
    ] = "",
    s3_endpoint: Annotated[
        str, typer.Option(metavar="URL", help=_("The address of the S3 store of --blobs."))
    ] = "",
) -> None:
    from mifeng_server.clock import SystemClock
    from mifeng_server.config import Folder, Storage
    from mifeng_server.serving import initialise

    link = run_command(
        initialise(
            Folder(data),
            address,
            clock=SystemClock(),
            rng=os.urandom,
            listen=listen,
            certificate=_both(cert, key),
            storage=Storage(database=database, blobs=blobs, s3_endpoint=s3_endpoint),
        )
    )
    typer.echo(_("The server is ready in {folder}. Start it:").format(folder=data), err=True)
    typer.echo(f"  mifeng-server serve --data {data}", err=True)
    typer.echo(
        _("Then found the workspace with this link. It works once; keep it secret:"), err=True
    )
    typer.echo(link)


@app.command(help=_("Serve a data folder until SIGTERM or SIGINT."))
def serve(
    data: Data,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="N", help=_("Another port; 0 for any, written to DIR/port.")
        ),
    ] = None,
) -> None:
    run_command(_serve(data, port))


async def _serve(data: Path, port: int | None) -> None:
    gc.disable()  # as in `main`, until the port is open
    _load_structlog()
    from mifeng_server.clock import SystemClock
    from mifeng_server.config import Folder, read_config
    from mifeng_server.logs import configure_logs
    from mifeng_server.routes.door import HOUSE
    from mifeng_server.sd_notify import notify, watch
    from mifeng_server.serving import serving

    folder = Folder(data)
    config = read_config(folder)
    configure_logs(config.log.level)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with serving(
        folder, clock=SystemClock(), rng=os.urandom, port=port, config=config
    ) as server:
        typer.echo(_("Serving on {url}. Stop with Ctrl-C.").format(url=server.url), err=True)
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        gc.enable()
        notify("READY=1")
        watching = asyncio.create_task(watch())
        await stopped.wait()
        watching.cancel()
        notify("STOPPING=1")
        typer.echo(_("Stopping: what is under way is finished first."), err=True)
        # Whatever balances the load hears it from /readyz before the port closes.
        server.app[HOUSE].draining = True
        await asyncio.sleep(config.admin.drain_s)


def _load_structlog() -> None:
    """Without rich, which structlog loads for a terminal's colours: our lines are JSON."""
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del structlog, sys.modules["rich"]


def _both(cert: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    if (cert is None) != (key is None):
        raise typer.BadParameter(_("--cert and --key belong together"))
    return None if cert is None or key is None else (cert.absolute(), key.absolute())


@app.command(help=_("Check the configuration, and show every setting with where it comes from."))
def config(
    data: Data,
    explain: Annotated[
        bool, typer.Option("--explain", help=_("Also what each setting means."))
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=_("One JSON object a line."))] = False,
) -> None:
    from mifeng_server.cli.explain import explanations
    from mifeng_server.cli.show import show
    from mifeng_server.config import Folder, settings

    with reporting():
        found = settings(Folder(data))
    meant = explanations()
    rows = [
        {"setting": s.name, "value": _without_password(s.value), "from": s.source}
        | ({"meaning": meant[s.name]} if explain else {})
        for s in found
    ]
    titles = {"setting": _("Setting"), "value": _("Value"), "from": _("From")}
    show(rows, titles | ({"meaning": _("Meaning")} if explain else {}), as_json=as_json)


def _without_password(value: Any) -> Any:  # noqa: ANN401 - any setting's
    """What is shown is copied to where others read it."""
    return re.sub(r"(//[^:@/]*):[^@/]*@", r"\1:***@", value) if isinstance(value, str) else value


@contextlib.contextmanager
def reporting() -> Iterator[None]:
    """An error becomes a message with its remedy, and an exit code."""
    try:
        yield
    except MifengError as err:
        typer.echo(_("Error: {message}").format(message=explain_error(err)), err=True)
        raise typer.Exit(USAGE if isinstance(err, UsageError) else STORAGE) from err
    except OSError as err:  # a file that may not be read, a disk that is full: the system's words
        said = f"{err.filename}: {err.strerror}" if err.filename else str(err.strerror or err)
        typer.echo(_("Error: {message}").format(message=said), err=True)
        raise typer.Exit(STORAGE) from err


def run_command(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what the command returns
    """Run a command."""
    with reporting():
        return asyncio.run(work)
