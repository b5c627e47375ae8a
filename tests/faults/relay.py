"""Joins an SSH session's standard streams to the harness, which is the SFTP server.

sshd runs this in the place of its own. The first line says which of sshd's
ports the session came to: each world has one of its own.
"""

import os
import socket
import sys
import threading

harness = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
harness.sendall((os.environ["SSH_CONNECTION"].split()[3] + "\n").encode())


def requests() -> None:
    while data := os.read(0, 65536):
        harness.sendall(data)
    harness.shutdown(socket.SHUT_WR)


threading.Thread(target=requests, daemon=True).start()
try:
    while data := harness.recv(65536):
        while data:
            data = data[os.write(1, data):]
except OSError:
    pass  # one end is gone, and the session with it
os._exit(0)
