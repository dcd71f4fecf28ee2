# SPDX-License-Identifier: BSD-3-Clause
"""What the suites of HTTP share: web servers with configuration files of their own, the load
generators wrk and h2load, and the CPU time of a server.

All servers are found in the PATH and the build folder, listen on ports the kernel chose, serve the
same files from a temporary folder, and log nothing. `shoal http` answers /hello by a handler, as
nginx and the servers made of a library (evhttp, libevhtp: bench/servers) do; h2o and lighttpd serve
it as a file, which they keep open.
"""
import contextlib
import dataclasses
import os
import pathlib
import re
import resource
import socket
import subprocess
import tempfile
import time

from harness.bench import LOAD_CORE, SERVER_CORE, BenchError, pinned, stop

INSTALL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "install-packages"
GREETING = b"Hello, world!\n"
FILES = {"hello": GREETING, "100k": b"x" * (100 << 10), "1m": b"x" * (1 << 20)}
TICK_S = 1 / os.sysconf("SC_CLK_TCK")
REQUESTS = 65535  # on one connection: the most that lighttpd can be told

NGINX = """\
{root_only}daemon off; master_process on; worker_processes 1; error_log stderr crit;
pid {work}/nginx.pid;
events {{ worker_connections 20000; }}
http {{
    access_log off; sendfile on; tcp_nopush on; open_file_cache max=16 inactive=600s;
    types {{ }} default_type text/plain;
    keepalive_timeout 600s; keepalive_requests 1000000000; http2_max_concurrent_streams 128;
    ssl_certificate {work}/cert.pem; ssl_certificate_key {work}/key.pem;
    ssl_protocols TLSv1.3; ssl_session_cache none; ssl_session_tickets on;
    client_body_temp_path {work}/1; proxy_temp_path {work}/2; fastcgi_temp_path {work}/3;
    uwsgi_temp_path {work}/4; scgi_temp_path {work}/5;
    server {{
        listen 127.0.0.1:{port} backlog=4096 {how};
        root {files};
        location = /hello {{ return 200 "Hello, world!\\n"; }}
    }}
}}
"""

H2O = """\
{root_only}num-threads: 1
max-connections: 20000
http1-request-timeout: 600
http2-idle-timeout: 600
http2-max-concurrent-requests-per-connection: 128
pid-file: {work}/h2o.pid
listen:
  host: 127.0.0.1
  port: {port}
{how}hosts:
  default:
    paths:
      /:
        file.dir: {files}
"""
H2O_TLS = """\
  ssl:
    certificate-file: {work}/cert.pem
    key-file: {work}/key.pem
    minimum-version: TLSv1.3
    neverbleed: OFF
"""

LIGHTTPD = """\
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{files}"
server.max-fds = 40000
server.max-connections = 20000
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 600
server.listen-backlog = 4096
mimetype.assign = ( "" => "text/plain" )
"""


@dataclasses.dataclass(frozen=True)
class WebServer:
    """A server to measure. `command` and `config` are filled in with work, files, port and how;
    `plain`, `http2` and `tls` are what `how` is then, None where it cannot."""
    name: str
    title: str
    command: tuple
    config: str = ""
    plain: str = ""
    http2: str = None
    tls: str = None
    pipelines: bool = True


NGINX_SERVER = WebServer("nginx", "nginx", ("nginx", "-e", "stderr", "-p", "{work}", "-c",
                                           "{config}"),
                         NGINX, http2="http2", tls="ssl http2")
H2O_SERVER = WebServer("h2o", "h2o", ("h2o", "-c", "{config}"), H2O, http2="", tls=H2O_TLS)
LIGHTTPD_SERVER = WebServer("lighttpd", "lighttpd", ("lighttpd", "-D", "-f", "{config}"), LIGHTTPD)
EVHTTP_SERVER = WebServer("evhttp", "evhttp", ("{build}/bench/evhttp_hello", "{port}",
                                               "{files}/100k"))
# It answers the first of the requests that came together, and waits for more to come.
EVHTP_SERVER = WebServer("evhtp", "libevhtp", ("{build}/bench/evhtp_hello", "{port}",
                                               "{files}/100k"), pipelines=False)
SHOAL_SERVER = WebServer("shoal", "shoal http",
                         ("{build}/shoal", "http", "-n", "1", "-q", "-l", "{how}"),
                         plain="tcp://127.0.0.1:{port}", http2="tcp://127.0.0.1:{port}",
                         tls="tls://127.0.0.1:{port}?cert={work}/cert.pem&key={work}/key.pem")
SHOAL_FILES = dataclasses.replace(SHOAL_SERVER, name="shoal", title="shoal http --root",
                                  command=(*SHOAL_SERVER.command, "--root", "{files}"))


@dataclasses.dataclass(frozen=True)
class Web:
    """A web server that answers."""
    pid: int
    port: int

    def cpu_seconds(self):
        """The CPU time of the process and its children, all threads."""
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in self.family())

    def family(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return [self.pid, *map(int, file.read().split())]

    def resident_bytes(self):
        total = 0
        for pid in self.family():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                total += int(re.search(r"^Rss:\s*(\d+) kB", file.read(), re.MULTILINE).group(1))
        return total * 1024


def install_peers():
    """Installs the peers and generators that are missing."""
    done = subprocess.run([INSTALL, "bench"], check=False)
    if done.returncode != 0:
        raise BenchError("the servers to compare with could not be installed")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def make_certificate(work):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", work / "key.pem", "-out", work / "cert.pem"],
                   check=True, capture_output=True)


def make_files(files):
    files.mkdir()
    for name, content in FILES.items():
        (files / name).write_bytes(content)


@contextlib.contextmanager
def serving(bench, server, mode="plain"):
    """The server, started on its core and answering; stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="shoal-bench-") as folder:
        work = pathlib.Path(folder)
        work.chmod(0o755)  # a worker that gives up root still reads it
        make_files(work / "files")
        make_certificate(work)
        command, port = prepare(bench, server, mode, work)
        with open(work / "log", "w+b") as log:
            process = subprocess.Popen(pinned(SERVER_CORE, *command), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=log)
            try:
                wait_until_it_accepts(process, port, server, log)
                yield Web(process.pid, port)
            finally:
                stop(process)


def prepare(bench, server, mode, work):
    """Writes the configuration; returns the command and the port."""
    words = {"build": bench.build, "work": work, "files": work / "files", "port": free_port(),
             "config": work / "config", "root_only": root_only(server)}
    words["how"] = getattr(server, mode).format(**words)
    words["config"].write_text(server.config.format(**words))
    return [word.format(**words) for word in server.command], words["port"]


def root_only(server):
    """Started by root, these two change the user; to root, so that the temporary folder is open."""
    if os.geteuid() != 0:
        return ""
    return {"nginx": "user root;\n", "h2o": "user: root\n"}.get(server.name, "")


def wait_until_it_accepts(process, port, server, log):
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    log.seek(0)
    raise BenchError(f"{server.name} does not listen: {log.read().decode(errors='replace')}")


def load_of(web, command, count_requests):
    """Runs a load generator on its core; returns the figures of the table. `count_requests` finds
    the number of good answers in what it printed."""
    busy, ours = busy_seconds(), web.cpu_seconds() + children_seconds()
    server, start = web.cpu_seconds(), time.monotonic()
    done = subprocess.run(pinned(LOAD_CORE, *command), capture_output=True, text=True, timeout=120,
                          check=False)
    seconds, server = time.monotonic() - start, web.cpu_seconds() - server
    others = (busy_seconds() - busy) - (web.cpu_seconds() + children_seconds() - ours)
    requests = count_requests(done.stdout)
    if done.returncode != 0 or requests == 0:
        raise BenchError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return {"cpu_us": server * 1e6 / requests, "rate": requests / seconds,
            "others_cpu_share": max(0.0, others / seconds)}


def busy_seconds():
    """CPU time of everybody on our two cores."""
    total = 0
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            name, *times = line.split()
            if name in (f"cpu{SERVER_CORE}", f"cpu{LOAD_CORE}"):
                total += sum(map(int, times[:3])) + sum(map(int, times[5:8]))
    return total * TICK_S


def children_seconds():
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime


def wrk(web, connections, seconds, path, scheme="http", script=None):
    """wrk's figures; an answer that is not 2xx is an error."""
    more = ["-s", str(script)] if script else []
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *more,
               f"{scheme}://127.0.0.1:{web.port}{path}"]
    return load_of(web, command, count_of_wrk)


def count_of_wrk(said):
    if "Non-2xx" in said:
        return 0
    found = re.search(r"(\d+) requests in", said)
    return int(found.group(1)) if found else 0


def h2load(web, connections, streams, requests, path):
    command = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-n{requests}",
               f"http://127.0.0.1:{web.port}{path}"]
    return load_of(web, command, count_of_h2load)


def count_of_h2load(said):
    found = re.search(r"status codes: (\d+) 2xx", said)
    return int(found.group(1)) if found else 0


def idle_bytes(web, connections, say):
    """How much the server grew for each of so many connections on each of which say(sock) had one
    request answered, and which were silent from then on."""
    first = 16  # they pay for what is needed once
    allow_descriptors(connections + first + 64)
    with contextlib.ExitStack() as held:
        hold(web, first, say, held)
        before = settled_bytes(web)
        hold(web, connections, say, held)
        return (settled_bytes(web) - before) / connections


def hold(web, connections, say, held):
    for _ in range(connections):
        sock = held.enter_context(socket.create_connection(("127.0.0.1", web.port), 10))
        say(sock)


def settled_bytes(web):
    time.sleep(0.3)
    return web.resident_bytes()


def allow_descriptors(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
