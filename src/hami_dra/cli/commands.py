"""The commands of `hami-dra`."""

import asyncio
import signal
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from ..kubeletplugin import ClaimError
from ..local.node import NodeError
from ..local.runtime import RuntimeSetupError
from ..plugin.resize import ResizeError
from ..plugin.resize import resize as resize_share
from ..shares import ShareFolders
from ..sim import ConfigError, MachineError, create_machine, read_config, write_cdi_spec
from .demo import DemoError, run_demo
from .resize import DriverRoot, StateDir, WantedError, check_root, read_wanted

# Without rich's tables, which cut the names of options on a narrow terminal.
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Share NVIDIA GPUs between Kubernetes pods.",
    rich_markup_mode=None,
)


@app.callback()
def _commands() -> None:
    """Keep `hami-dra NAME` even where there is but one command."""


@app.command(short_help="Show the way of a claim as a story.")
def demo() -> None:
    """Show the whole way of a claim, without a cluster and without a GPU."""
    _heed(signal.SIGHUP, signal.SIGTERM)
    try:
        asyncio.run(run_demo())
    except (ClaimError, DemoError, NodeError, MachineError, RuntimeSetupError) as error:
        typer.echo(f"hami-dra demo: {error}", err=True)
        raise typer.Exit(1) from error


def _heed(*numbers: signal.Signals) -> None:
    """Take these, unless they are to be ignored, for Ctrl-C: what the demo has begun ends with it then."""
    for number in numbers:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))


@app.command(short_help="Change a share's memory, live.")
def resize(
    share: Annotated[str, typer.Argument(metavar="CLAIM/REQUEST", help="a claim of this node, and its request")],
    memory: Annotated[str, typer.Option(help="what the share may use from now on, e.g. 6Gi")],
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="of the claim")] = None,
    share_id: Annotated[str | None, typer.Option(help="which one, where a request has several shares")] = None,
    state_dir: StateDir = Path("/run/hami-dra"),
    driver_root: DriverRoot = Path("/"),
) -> None:
    """Change how much of its GPU's memory a share may use, within what it was granted, while its containers run."""
    try:
        wanted = read_wanted(share, memory, namespace, share_id)
        check_root()
        typer.echo(asyncio.run(resize_share(ShareFolders(state_dir / "shares"), driver_root, wanted)))
    except (WantedError, ResizeError) as error:
        typer.echo(f"hami-dra resize: {error}", err=True)
        raise typer.Exit(1) from error


@app.command(short_help="Make a machine with simulated GPUs.")
def sim(
    root: Annotated[Path, typer.Argument(help="folder to lay the machine out in; it must not hold one")],
    config: Annotated[Path, typer.Option(help="TOML file that describes the machine, see docs/simulator.md")],
) -> None:
    """Lay out a machine with simulated GPUs: a root folder as NVIDIA's driver would leave it, and its CDI spec."""
    try:
        described = read_config(config)
        machine = create_machine(root, described.gpus, described.driver)
        spec = write_cdi_spec(machine, machine.root / "etc/cdi")
    except (ConfigError, MachineError, OSError) as error:
        typer.echo(f"hami-dra sim: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo(f"driver root  {machine.root}")
    typer.echo(f"CDI spec     {spec}")
    for gpu in machine.gpus:
        typer.echo(f"GPU          {gpu.uuid}  {gpu.model.name}, {gpu.memory_bytes // 2**20} MiB")
    typer.echo(f"try it       LD_LIBRARY_PATH={quote(str(machine.library_dir))} {quote(str(machine.smi))}")
