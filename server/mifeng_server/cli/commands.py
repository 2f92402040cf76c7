"""The commands. What only one of them needs is loaded when it runs, so that help comes at once.

Exit codes: 0 done, 2 wrong use, 6 something on the disk is not in order.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from mifeng_crypto.errors import MifengError, UsageError
from mifeng_server.text import _, explain

__all__ = ["app"]

USAGE, STORAGE = 2, 6

app = typer.Typer(
    name="mifeng-server",
    help=_("Mifeng's server: orders and keeps what it cannot read."),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Data = Annotated[
    Path,
    typer.Option(
        "--data", metavar="DIR", help=_("The server's data folder."), envvar="MIFENG_DATA"
    ),
]


@app.callback()
def _all_commands(
    lang: Annotated[
        str | None,
        typer.Option(metavar="en|zh_CN", help=_("The language; else MIFENG_LANG, else LANG.")),
    ] = None,
) -> None:
    del lang  # read before all else, by `use_from`


@app.command(help=_("Make a data folder, and print the one-time founding link."))
def init(
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
) -> None:
    from mifeng_server.clock import SystemClock
    from mifeng_server.config import Folder
    from mifeng_server.serving import initialise

    link = _run(
        initialise(Folder(data), address, clock=SystemClock(), rng=os.urandom, listen=listen)
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
    from mifeng_server.logs import configure_logs

    configure_logs()
    _run(_serve(data, port))


async def _serve(data: Path, port: int | None) -> None:
    from mifeng_server.clock import SystemClock
    from mifeng_server.config import Folder
    from mifeng_server.serving import serving

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with serving(Folder(data), clock=SystemClock(), rng=os.urandom, port=port) as server:
        typer.echo(_("Serving on {url}. Stop with Ctrl-C.").format(url=server.url), err=True)
        await stopped.wait()
        typer.echo(_("Stopping: what is under way is finished first."), err=True)


def _run(work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - what the command returns
    """Run a command; an error becomes a message with its remedy, and an exit code."""
    try:
        return asyncio.run(work)
    except MifengError as err:
        typer.echo(_("Error: {message}").format(message=explain(err)), err=True)
        raise typer.Exit(USAGE if isinstance(err, UsageError) else STORAGE) from err
