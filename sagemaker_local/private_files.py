"""Files that only their owner can read: the demo key, and the variables for `source`."""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
from pathlib import Path

NOT_RUNNING = "the local SageMaker is not running; start it with make run, or with make sagemaker"


def write_private_file(path: Path, content: bytes, option: str) -> None:
    """Write a file that its owner alone can read.

    The file is always a new one, which takes the place of a file or a link of this name: neither
    the mode of a file that is there nor the place where a link leads has an effect.

    Args:
        path: The file; its folder is made, too.
        option: The option of the command line that chooses another file.

    Raises:
        OSError: It cannot be written, or something that is no file has this name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if _is_something_else(path):
        raise FileExistsError(0, f"this is not a file; name another file with {option}")
    # The name is new, and nobody can foresee it.
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
            os.fchmod(descriptor, 0o600)
            file.write(content)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink()
        raise


def _is_something_else(path: Path) -> bool:
    """Whether the path is there and is neither a file nor a link."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode))


def aws_variables(url: str) -> dict[str, str]:
    """Return the variables with which boto3 and the AWS CLI use the local SageMaker as AWS."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


class EnvFile:
    """A file to `source`, with the variables that lead a shell's programs to the local SageMaker.

    When the local SageMaker ends, the file stays and keeps the variables: without them, the next
    program of a script would use the account that the shell has otherwise. Then `source` prints a
    sentence and fails.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self._variables = _exports(url)

    def write(self) -> None:
        """Write the file.

        Raises:
            OSError: It cannot be written, or something that is no file has this name.
        """
        write_private_file(self.path, self._variables.encode(), "--env-file")

    def mark_ended(self) -> None:
        """Let `source` fail from now on, unless another local SageMaker has written the file."""
        try:
            if self.path.is_file() and self.path.read_text() == self._variables:
                ended = f"{self._variables}echo {shlex.quote(NOT_RUNNING)} >&2\nfalse\n"
                write_private_file(self.path, ended.encode(), "--env-file")
        except (OSError, UnicodeError):
            pass  # the file was removed or replaced, which is its owner's decision


def _exports(url: str) -> str:
    """Write shell code that sets the variables, and removes all others whose names begin so."""
    variables = " ".join(f"{name}={value}" for name, value in aws_variables(url).items())
    others = "$(env | sed -n 's/^\\(AWS_[A-Za-z0-9_]*\\)=.*/\\1/p')"
    return f"unset AWS_PROFILE {others}\nexport {variables}\n"
