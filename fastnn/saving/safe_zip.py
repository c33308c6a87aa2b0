"""Reading zip archives that may be damaged or hostile: members come into memory only, and not without bound."""

import zipfile

# Members packed tighter than this are no configuration and no weights: weights hardly shrink.
_MOST_EXPANSION = 100
_SMALL = 64 * 2**20


class SafeZip:
    """The members of the zip archive `file` (a path or a binary file), by name; for use in a `with` block.

    Raises:
        ValueError: no zip archive, or one cut short; several members of one name.
    """

    def __init__(self, file, what):
        self.what = what
        try:
            self.archive = zipfile.ZipFile(file)
        except zipfile.BadZipFile as error:
            raise ValueError(f"{what} is no .keras file, or was cut short while it was copied: {error}") from None
        self.names = self.archive.namelist()
        if len(set(self.names)) != len(self.names):
            self.archive.close()
            raise ValueError(f"{what} is refused: it holds several members of one name")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.archive.close()

    def read(self, name):
        """The contents of a member.

        Raises:
            ValueError: there is none of this name, it is damaged, or it would grow out of proportion.
        """
        if name not in self.names:
            raise ValueError(f"{self.what} holds no model: {name!r} is not in it, only {self.names[:10]}")
        info = self.archive.getinfo(name)
        if info.file_size > _SMALL and info.file_size > _MOST_EXPANSION * info.compress_size:
            raise ValueError(f"{self.what} is refused: {name!r} would unpack from {info.compress_size} to "
                             f"{info.file_size} bytes")
        try:
            with self.archive.open(info) as member:
                data = member.read(info.file_size + 1)
        except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, NotImplementedError, ValueError) as error:
            raise ValueError(f"{self.what} is damaged: {name!r} cannot be read ({error})") from None
        except Exception as error:  # zlib.error, lzma.LZMAError: whatever the packing was
            raise ValueError(f"{self.what} is damaged: {name!r} cannot be unpacked ({error})") from None
        if len(data) != info.file_size:
            raise ValueError(f"{self.what} is damaged: {name!r} has {len(data)} bytes, {info.file_size} are announced")
        return data
