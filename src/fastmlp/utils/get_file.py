"""Files from the network, in a cache."""

from __future__ import annotations

import os
from collections.abc import Sequence


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Downloads a file, unless it is in the cache.

    What is downloaded gets its name only when it is whole and, if a hash is given, checked. Archives
    are extracted in full or not at all: one with a member that would lie outside of its folder is
    refused.

    Args:
        fname: Name in the cache; `None`: that of the address.
        origin: Address: `https://…`, `http://…` or `file://…`.
        untar: Spelling of earlier days of `extract`, for tar archives.
        md5_hash: Spelling of earlier days of `file_hash`, for MD5.
        file_hash: Expected sha256 or MD5 of the file, in hexadecimal. Without one, whatever the
            server sends is believed.
        cache_subdir: Folder within the cache; an absolute path stands for itself.
        hash_algorithm: `'sha256'`, `'md5'` or `'auto'`: by the hash's length.
        extract: Whether to extract the archive.
        archive_format: `'tar'` (also compressed), `'zip'`, a list of them, or `'auto'` for both.
        cache_dir: The cache; default: `KERAS_HOME`, or `~/.keras`.
        force_download: Whether to download it again.

    Returns:
        Path of the file; of the folder it was extracted to, with `extract`.

    Raises:
        ValueError: An argument is not as described, another file came, or an archive is unsafe.
        OSError: Network or disk fail; nothing is left behind.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     size = Path(folder, "words.txt").write_text("rome")
    ...     path = get_file(origin=Path(folder, "words.txt").as_uri(), cache_dir=folder)
    ...     Path(path).read_text()
    Downloading data from file://...
    'rome'
    """
    from fastmlp.utils import _fetch  # imports much that few programs need

    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    formats = "tar" if untar else archive_format
    return _fetch.fetch(
        fname, origin, file_hash, hash_algorithm, extract or untar, formats, cache_dir, cache_subdir,
        force_download,
    )  # fmt: skip
