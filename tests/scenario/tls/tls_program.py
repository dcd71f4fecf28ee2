# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of TLS share: certificates made by openssl, and clients by Python's ssl."""

import os
import ssl
import subprocess
import tempfile
import threading

import shoal_program as sp

WARNING_OF_OLD = "ignore:.*TLSVersion.*:DeprecationWarning"


class Certificates:
    """A folder of certificates, NAME.pem and NAME.key each; removed at the end."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="shoal-tls-")

    def path(self, name):
        return os.path.join(self._folder.name, name)

    def make(self, name, host="localhost", issuer=None, algorithm=("ec", "ec_paramgen_curve:P-256")):
        kind, option = algorithm
        command = ["openssl", "req", "-x509", "-newkey", kind, "-pkeyopt", option, "-nodes",
                   "-days", "2", "-subj", f"/CN={host}",
                   "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1",
                   "-keyout", self.path(name + ".key"), "-out", self.path(name + ".pem")]
        if issuer:
            command += ["-CA", self.path(issuer + ".pem"), "-CAkey", self.path(issuer + ".key")]
        subprocess.run(command, check=True, capture_output=True, timeout=sp.PATIENCE)
        return self

    def chain(self, name, issuer, length):
        """A certificate with so many others between it and its issuer, all of them in one file."""
        links = [issuer] + [f"{name}-{at}" for at in range(length)] + [name]
        for above, link in zip(links, links[1:]):
            self.make(link, host=f"{link}.example", issuer=above)
        with open(self.path(name + ".pem"), "ab") as file:
            for link in reversed(links[1:-1]):
                with open(self.path(link + ".pem"), "rb") as part:
                    file.write(part.read())
        return self

    def query(self, *names):
        return "&".join(f"cert={self.path(n)}.pem&key={self.path(n)}.key" for n in names)

    def url(self, *names, more=""):
        return f"tls://127.0.0.1:0?{self.query(*names)}{more}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()


def trusting(certificates, *names):
    """A client's context that trusts these certificates."""
    context = ssl.create_default_context()
    for name in names:
        context.load_verify_locations(certificates.path(name + ".pem"))
    return context


def trusting_all():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(server, context, host="localhost", index=0):
    return context.wrap_socket(server.connect(index), server_hostname=host)


def hello(context, host="localhost"):
    """The bytes of a client's first message."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname=host).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def s_client(server, *options, typed=b"", until=b"---\n", index=0):
    """Runs `openssl s_client` with that input, which ends when `until` has been printed; returns
    all of its output."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port(index)}", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as client:
        watchdog = threading.Timer(sp.PATIENCE, client.kill)
        watchdog.start()
        client.stdin.write(typed)
        client.stdin.flush()
        out = b""
        for line in client.stdout:
            out += line
            if line == until:
                break
        client.stdin.close()
        out += client.stdout.read()
        watchdog.cancel()
    return out.decode("utf-8", "replace")
