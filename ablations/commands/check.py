"""`ablate check`: the contract of pipeline/contract on one strategy, most of all on a user's own."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ablations.commands.options import JsonOption

EXIT_NO = 1
LABEL_WIDTH = 8


def check(
    target: Annotated[str, typer.Argument(help="package.module:Name of your own StrategyConfig, or a kind.")],
    as_json: JsonOption = False,
) -> None:
    """Run the contract on a strategy: one line per check, exit code 1 if one fails. Takes about a minute.

    Example: ablate check mypackage.trick:MyConfig
    """
    import torch

    from pipeline.contract.battery import Finding, Verdict, examine

    torch.set_num_threads(1)  # the checks compare bit for bit, and the two workers share the cores
    findings: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="ablate-check-") as folder:
        for finding in examine(target, Path(folder)):
            findings.append(finding)
            if not as_json:
                reason = f": {' '.join(finding.reason.split())}" if finding.reason else ""
                typer.echo(f"{finding.verdict:<{LABEL_WIDTH}} {finding.check}{reason}")
    failed = [finding.check for finding in findings if finding.verdict is Verdict.FAILED]
    if as_json:
        checks = [{"check": f.check, "verdict": f.verdict, "reason": f.reason} for f in findings]
        typer.echo(json.dumps({"strategy": target, "kept": not failed, "checks": checks}, indent=2))
    elif failed:
        typer.echo(f"{target} does not keep the contract: {', '.join(failed)}")
    else:
        typer.echo(f"{target} keeps the contract")
    if failed:
        raise typer.Exit(EXIT_NO)
