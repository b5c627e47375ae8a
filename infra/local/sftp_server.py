"""An SFTP server from PyPI, for machines without OpenSSH. Runs in .venv.

Usage: sftp_server.py FOLDER PORT. Writes host_key.pub and client_key into
FOLDER, serves the machine's files to the holder of that key on 127.0.0.1.
"""

import asyncio
import sys
from pathlib import Path

import asyncssh


async def main(folder: Path, port: int) -> None:
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    client_key = asyncssh.generate_private_key("ssh-ed25519")
    (folder / "host_key.pub").write_bytes(host_key.export_public_key())
    key_file = folder / "client_key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(client_key.export_private_key())
    authorized = asyncssh.import_authorized_keys(client_key.export_public_key().decode())
    await asyncssh.listen(
        "127.0.0.1",
        port,
        server_host_keys=[host_key],
        authorized_client_keys=authorized,
        sftp_factory=True,
        allow_scp=False,
    )
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
