"""An SFTP server from PyPI, for machines without OpenSSH and as a second kind
of server beside it. Runs in .venv.

Usage: sftp_server.py FOLDER PORT [--password PASSWORD]
                      [--fault NAME[=VALUE]]... [--once]

Writes host_key.pub and client_key into FOLDER, and serves the machine's files
on 127.0.0.1 to the holder of that key or, where a password is given, to the
user crossdock with it and to no one else.

--fault: the server fails in this way; may be repeated. Each event that strikes is a line "fault: NAME" on the standard error. A VALUE
left out is 1.

Events. They strike in every session (an SSH connection's SFTP channel), with
--once only the first time in the server's life:
  stall-read=N         the Nth read of a session is never answered, nor is
                       anything that the session asks after it
  stall-write=N        the Nth write, after it was done
  stall-open=N         the Nth opening of a file
  stall-close=N        the Nth closing of a file, after it was done
  stall-rename=N       the Nth renaming, after it was done
  reset-read=BYTES     the connection is reset in place of the answer that
                       would bring a session's reads to so many bytes
  reset-write=BYTES    the same for writes; the last one was done
  lose-rename-reply    the connection is reset after a rename was done

States. They are there all the time:
  short-reads=BYTES    no read is answered with more
  no-setstat           setting attributes is refused: permission denied
  unsupported-setstat  setting attributes is refused: operation unsupported
  full-after=BYTES     once so many bytes were written in the server's life
                       the disk is full (SFTP 3 says only: failure)
  full                 the disk is full from the beginning, also for names
  quota=BYTES          no file may become longer (failure)
  handles=N            a session may have so many files open (failure)
  rename-overwrites    rename replaces what has the name, as Go's servers do
  no-posix-rename      posix-rename@openssh.com is neither offered nor done
  sha1                 SHA-1 is all that it knows, for keys, messages and
                       signatures; its key and the client's are RSA's
  rsa-client           the client's key is RSA's
  states-no-signatures it does not say which signatures it takes
  no-sftp              the channel opens, and SFTP is refused on it
  read-only            whatever would change a file or folder is refused:
                       permission denied
  small-window=BYTES   the channel's window and packets; dropbear's: 24576
  slow-write=MS        writes take so long, one after the other
  truncate-write=BYTES every write succeeds, but a file keeps only so many
"""

import argparse
import asyncio
import errno
import socket
import struct
import sys
from pathlib import Path
from typing import NoReturn

import asyncssh
from asyncssh import rsa, sftp

FLAGS = {
    "full",
    "lose-rename-reply",
    "no-setstat",
    "unsupported-setstat",
    "rename-overwrites",
    "no-posix-rename",
    "sha1",
    "rsa-client",
    "states-no-signatures",
    "no-sftp",
    "read-only",
}
NUMBERS = {
    "stall-read",
    "stall-write",
    "stall-open",
    "stall-close",
    "stall-rename",
    "reset-read",
    "reset-write",
    "short-reads",
    "full-after",
    "quota",
    "handles",
    "small-window",
    "slow-write",
    "truncate-write",
}
POSIX_RENAME = b"posix-rename@openssh.com"
CHANGING = sftp.FXF_WRITE | sftp.FXF_APPEND | sftp.FXF_CREAT | sftp.FXF_TRUNC


class Faults:
    """The faults of one server's life."""

    def __init__(self, asked: list[tuple[str, int]], once: bool) -> None:
        self._values = dict(asked)
        self._once = once
        self._struck: set[str] = set()
        self.written = 0
        self.full = False

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def within(self, name: str, number: int) -> bool:
        """Whether the number is within this fault's, where it has been asked for."""
        return number <= self._values.get(name, number)

    def number(self, name: str, otherwise: int) -> int:
        return self._values.get(name, otherwise)

    def strikes(self, name: str, count: int = 1) -> bool:
        """Whether this event is due, now that its session has come to this count."""
        due = name in self._values and count >= self._values[name]
        if not due or (self._once and name in self._struck):
            return False
        self._struck.add(name)
        print("fault:", name, file=sys.stderr, flush=True)
        return True


class FaultyServer(asyncssh.SFTPServer):
    """One session of a server that has faults. Its requests come one by one."""

    def __init__(self, chan: asyncssh.SSHServerChannel, faults: Faults) -> None:
        super().__init__(chan)
        self._faults = faults
        self._opened = self._open = self._reads = self._writes = 0
        self._closed = self._renamed = 0
        self._bytes_read = self._bytes_written = 0

    async def _stall(self) -> NoReturn:
        """Answers nothing until the client has gone, and does nothing that it has asked since."""
        await self.channel.wait_closed()
        raise asyncio.CancelledError  # ends the session's task; errors are only answered

    async def _reset(self) -> NoReturn:
        """Resets the TCP connection: lingering for no time does that."""
        tcp = self.connection.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.abort()
        await self._stall()

    def _name(self) -> None:
        """Whatever puts a name into a folder."""
        self._change()
        if "full" in self._faults:
            raise OSError(errno.ENOSPC, "No space left on device")

    def _change(self) -> None:
        if "read-only" in self._faults:
            raise asyncssh.SFTPPermissionDenied("Permission denied")

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._opened += 1
        if self._faults.strikes("stall-open", self._opened):
            await self._stall()
        if pflags & CHANGING:
            self._change()
        if not self._faults.within("handles", self._open + 1):
            raise OSError(errno.EMFILE, "Too many open files")
        file = super().open(path, pflags, attrs)
        self._open += 1
        return file

    async def close(self, file_obj: object) -> None:
        self._open -= 1
        super().close(file_obj)
        self._closed += 1
        if self._faults.strikes("stall-close", self._closed):
            await self._stall()

    async def _was_renamed(self) -> None:
        self._renamed += 1
        if self._faults.strikes("stall-rename", self._renamed):
            await self._stall()
        if self._faults.strikes("lose-rename-reply"):
            await self._reset()

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        self._reads += 1
        if self._faults.strikes("stall-read", self._reads):
            await self._stall()
        size = min(size, self._faults.number("short-reads", size))
        data = super().read(file_obj, offset, size)
        self._bytes_read += len(data)
        if self._faults.strikes("reset-read", self._bytes_read):
            await self._reset()
        return data

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        faults = self._faults
        await asyncio.sleep(faults.number("slow-write", 0) / 1000)
        if not faults.within("quota", offset + len(data)):
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        faults.full |= "full" in faults or not faults.within("full-after", faults.written + len(data))
        if faults.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        kept = data[: max(0, faults.number("truncate-write", offset + len(data)) - offset)]
        if kept:
            super().write(file_obj, offset, kept)
        faults.written += len(kept)
        self._writes += 1
        self._bytes_written += len(data)
        if faults.strikes("stall-write", self._writes):
            await self._stall()
        if faults.strikes("reset-write", self._bytes_written):
            await self._reset()
        return len(data)

    def _set(self) -> None:
        self._change()
        if "no-setstat" in self._faults:
            raise asyncssh.SFTPPermissionDenied("Permission denied")
        if "unsupported-setstat" in self._faults:
            raise asyncssh.SFTPOpUnsupported("Operation unsupported")

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._set()
        super().setstat(path, attrs)

    def lsetstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._set()
        super().lsetstat(path, attrs)

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        self._set()
        super().fsetstat(file_obj, attrs)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._name()
        if "rename-overwrites" in self._faults:
            super().posix_rename(oldpath, newpath)
        else:
            super().rename(oldpath, newpath)
        await self._was_renamed()

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        if "no-posix-rename" in self._faults:
            raise asyncssh.SFTPOpUnsupported("Operation unsupported")
        self._name()
        super().posix_rename(oldpath, newpath)
        await self._was_renamed()

    def remove(self, path: bytes) -> None:
        self._change()
        super().remove(path)

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._name()
        super().mkdir(path, attrs)

    def rmdir(self, path: bytes) -> None:
        self._change()
        super().rmdir(path)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        self._name()
        super().symlink(oldpath, newpath)

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        self._name()
        super().link(oldpath, newpath)


class WithoutSftp(asyncssh.SSHServer):
    """Opens channels on which there is nothing to be had."""

    def session_requested(self) -> asyncssh.SSHServerSession:
        return asyncssh.SSHServerSession()


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


def fault(text: str) -> tuple[str, int]:
    """Reads NAME[=VALUE]."""
    name, _, value = text.partition("=")
    if name not in FLAGS | NUMBERS or (value and name in FLAGS):
        raise argparse.ArgumentTypeError(f"no such fault: {text}")
    return name, int(value or 1)


async def main(
    folder: Path, port: int, password: str | None, faults: Faults | None
) -> None:
    only_sha1 = faults is not None and "sha1" in faults
    rsa_client = only_sha1 or faults is not None and "rsa-client" in faults
    if only_sha1:
        rsa.RSAKey.sig_algorithms = (b"ssh-rsa",)
    host_key = asyncssh.generate_private_key("ssh-rsa" if only_sha1 else "ssh-ed25519")
    client_key = asyncssh.generate_private_key("ssh-rsa" if rsa_client else "ssh-ed25519")
    (folder / "host_key.pub").write_bytes(host_key.export_public_key())
    key_file = folder / "client_key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(client_key.export_private_key())
    authorized = asyncssh.import_authorized_keys(client_key.export_public_key().decode())
    how = (
        {"authorized_client_keys": authorized}
        if password is None
        else {"server_factory": lambda: ByPassword(password)}
    )
    how["sftp_factory"] = True
    if faults:
        how["sftp_factory"] = lambda chan: FaultyServer(chan, faults)
        if "no-sftp" in faults:
            how["sftp_factory"], how["server_factory"] = None, WithoutSftp
        if "no-posix-rename" in faults:
            # asyncssh has no setting for what it offers.
            handler = sftp.SFTPServerHandler
            handler._extensions = [e for e in handler._extensions if e[0] != POSIX_RENAME]
        if only_sha1:
            how["kex_algs"] = ["diffie-hellman-group14-sha1"]
            how["encryption_algs"] = ["aes128-ctr"]
            how["mac_algs"] = ["hmac-sha1"]
            how["signature_algs"] = ["ssh-rsa"]
        if "states-no-signatures" in faults:
            asyncssh.SSHServerConnection._send_ext_info = lambda _: None
        if "small-window" in faults:
            how["window"] = faults.number("small-window", 0)
            how["max_pktsize"] = min(how["window"], 32768)
    await asyncssh.listen(
        "127.0.0.1", port, server_host_keys=[host_key], allow_scp=False, **how
    )
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--password")
    parser.add_argument("--fault", type=fault, action="append", default=[])
    parser.add_argument("--once", action="store_true")
    asked = parser.parse_args()
    faults = Faults(asked.fault, asked.once) if asked.fault else None
    asyncio.run(main(asked.folder, asked.port, asked.password, faults))
