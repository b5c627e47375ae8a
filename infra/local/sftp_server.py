"""An SFTP server from PyPI, for machines without OpenSSH and as a second kind
of server beside it. Runs in .venv.

Usage: sftp_server.py FOLDER PORT [--password PASSWORD] [--full]

Writes host_key.pub and client_key into FOLDER, and serves the machine's files
on 127.0.0.1 to the holder of that key or, where a password is given, to the
user crossdock with it and to no one else. --full: nothing can be written, as
on a disk that is full.
"""

import argparse
import asyncio
import errno
from pathlib import Path

import asyncssh


class FullDisk(asyncssh.SFTPServer):
    """Answers every write as a full disk does."""

    def _full(self, *_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    mkdir = rename = posix_rename = _full


class ByPassword(asyncssh.SSHServer):
    """Lets one user in, by password only."""

    def __init__(self, password: str) -> None:
        self._password = password

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return False

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("crossdock", self._password)


async def main(folder: Path, port: int, password: str | None, full: bool) -> None:
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key = asyncssh.generate_private_key("ssh-ed25519")
    (folder / "host_key.pub").write_bytes(host_key.export_public_key())
    key_file = folder / "client_key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(client_key.export_private_key())
    authorized = asyncssh.import_authorized_keys(client_key.export_public_key().decode())
    who = (
        {"authorized_client_keys": authorized}
        if password is None
        else {"server_factory": lambda: ByPassword(password)}
    )
    await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[host_key],
        sftp_factory=FullDisk if full else True,
        allow_scp=False,
        **who,
    )
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--password")
    parser.add_argument("--full", action="store_true")
    asked = parser.parse_args()
    asyncio.run(main(asked.folder, asked.port, asked.password, asked.full))
