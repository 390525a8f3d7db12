"""Writing files whole or not at all."""

import os
import tempfile
from pathlib import Path


def write_atomic(path, content):
    """Write ``content`` (text or bytes) to ``path`` so that a reader sees the old file or the new one, never a part.

    The content goes to a temporary file in the same folder, which then takes the name in one step.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)  # mkstemp makes it readable by its owner alone
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
