"""`chandlery completion`: what a shell needs to complete commands and options."""

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]  # it has no other home


class Shell(StrEnum):
    """The shells that can."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help=" ".join(Shell))],
) -> None:
    """Print the script that lets a shell complete commands and options.

    bash: chandlery completion bash > ~/.local/share/bash-completion/completions/chandlery

    zsh: chandlery completion zsh > _chandlery, in a folder of $fpath, before compinit

    fish: chandlery completion fish > ~/.config/fish/completions/chandlery.fish
    """
    print(get_completion_script(prog_name="chandlery", complete_var="_CHANDLERY_COMPLETE", shell=shell.value))
