"""Asks every pod behind a name for /readyz and /metrics: `python probe.py NAME PORT`; `helm test` runs it."""

import socket
import sys
import time
import urllib.error
import urllib.request

PATIENCE_SECONDS = 60


def asked(address: str, path: str) -> str:
    """The answer's text; an OSError where it is none, or not 200."""
    with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
        return str(answer.read().decode())


def pods(name: str, port: int) -> list[str]:
    """`ADDRESS:PORT` of each pod that the name stands for now."""
    found = {info[4][0] for info in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)}
    return sorted(f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}" for host in found)


def look(name: str, port: int) -> list[str]:
    """One line for each pod; an OSError where one is not well."""
    said = []
    for address in pods(name, port):
        asked(address, "/readyz")
        metrics = asked(address, "/metrics")
        for wanted in ("bridge_build_info{", "bridge_config_last_reload_successful 1"):
            if f"\n{wanted}" not in metrics:
                raise OSError(f"{address}: /metrics has no `{wanted}`")
        said.append(f"{address} is ready, {metrics.count(chr(10))} lines of metrics")
    return said


def main(name: str, port: int, patience_seconds: float) -> int:
    """Look until all are well, or patience ends."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            print("\n".join(look(name, port)))
        except OSError as error:
            if time.monotonic() > deadline:
                print(f"{name}:{port} is not well: {error}")
                return 1
            time.sleep(1)
        else:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), PATIENCE_SECONDS))
