# SPDX-License-Identifier: BSD-3-Clause
"""Tables, and the sections of docs/performance.md. Each section stands between two markers and is
replaced as a whole by the command that it names; the text around the markers is left alone.
"""
import datetime
import os
import pathlib
import platform
import re
import subprocess

PREAMBLE = """# Performance

Every table below was written by the command above it, on the machine it names; run it to have yours.
Absolute figures change from machine to machine, ratios hold. Servers are compared by the CPU time
they use for a message (user and system, all threads): the rate shows only which of server and
generator is the bottleneck.
"""


def table(header, rows):
    """A Markdown table, its columns aligned to be read as text too."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def spread(ratios):
    """A median with the least and greatest it is the median of."""
    ordered = sorted(ratios)
    middle = len(ordered) // 2
    median = (ordered[middle] + ordered[~middle]) / 2
    return f"{median:.2f} ({ordered[0]:.2f}-{ordered[-1]:.2f})"


CPU = "cpu_us"
RATE = "rate"


def ratios(servers, results, cells):
    """CPU and rate of every server in every cell, as ratios to the first server."""
    return "\n\n".join([ratio_table(servers, results, cells, CPU, "{:.2f} us"),
                        "Requests a second, as ratio to the same server (higher is better):",
                        ratio_table(servers, results, cells, RATE, "{:,.0f}/s")])


def ratio_table(servers, results, cells, key, base_format):
    """What was not measured, as the server cannot do it, is a dash."""
    base = servers[0]
    header = ["", base.title, *(server.title for server in servers[1:])]
    rows = [[str(cell), base_format.format(results.median(base.name, cell, key)),
             *(spread(results.ratios(server.name, base.name, cell, key))
               if results.has(server.name, cell) else "-" for server in servers[1:])]
            for cell in cells]
    return table(header, rows)


def verdict(what, value, aim):
    return f"- {what}: {value:.3f}, aim {aim:.3f}: {'holds' if value <= aim else 'missed'}"


def section(title, command, build, body):
    """A section: title, body, and what one must know to repeat it."""
    return f"## {title}\n\n    {command}\n\n{body}\n\n{circumstances(build)}\n"


def circumstances(build):
    """The machine, the versions and the day."""
    parts = [f"{len(os.sched_getaffinity(0))} x {cpu_model()}", f"{memory_gib():.0f} GiB",
             f"{distribution()}, Linux {platform.release()}", compiler(build),
             f"libevent {libevent_version()}", f"Shoal {shoal_revision()}",
             datetime.date.today().isoformat()]
    return "Measured on: " + "; ".join(parts) + "."


def write_section(path, name, text):
    """Puts a section into the document: in the place of its former self, or at the end."""
    path.parent.mkdir(exist_ok=True)
    document = path.read_text() if path.exists() else PREAMBLE
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    block = f"{begin}\n{text}{end}\n"
    old = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}\n", re.DOTALL)
    if old.search(document):
        document = old.sub(lambda _: block, document, count=1)
    else:
        document += "\n" + block
    path.write_text(document)


def first_match(path, pattern, default):
    found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    return found.group(1) if found else default


def cpu_model():
    return first_match("/proc/cpuinfo", r"^model name\s*: (.*)$", platform.machine())


def memory_gib():
    return int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)", "0")) / 2**20

WHAT_IS_BUILT = ("CMakeLists.txt", "cmake", "include", "src", "apps", "bench", "examples")


def distribution():
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")


def output_of(*command):
    """What a command prints, or "unknown"."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True,
                              cwd=pathlib.Path(__file__).parent).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def compiler(build):
    """The compiler that made the build, by its first line of --version."""
    cache = build / "CMakeCache.txt"
    program = first_match(cache, r"^CMAKE_C_COMPILER:\w+=(.*)$", "cc") if cache.exists() else "cc"
    return output_of(program, "--version").splitlines()[0]


def libevent_version():
    return output_of("pkg-config", "--modversion", "libevent_core")


def shoal_revision():
    """The commit that was built; "-dirty" where what is built differs from it."""
    top = output_of("git", "rev-parse", "--show-toplevel")
    changed = output_of("git", "-C", top, "status", "--porcelain", "--", *WHAT_IS_BUILT)
    return output_of("git", "describe", "--always") + ("-dirty" if changed else "")
