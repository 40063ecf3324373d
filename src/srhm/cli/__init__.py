"""The command line. It parses, calls and prints."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad arguments end it with exit status 2, an interrupt with 130."""
    # Imported only here: the processes of workers import this module too, and need none of the commands.
    from .commands import run

    run(arguments)
