"""Ask the Dagster page once whether it serves the meters: `page_answers.py HOST PORT SINCE`. Only Python is needed.

The daemon counts as alive when each part of it gave a sign of life at or after SINCE (seconds since 1970); with `never`
it is not asked for. Exit code 0: all is well. 1: not yet. 3: it serves, but the code location does not load; what is
wrong is printed.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

NOT_YET, DOES_NOT_LOAD = 1, 3
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
_QUERY = """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus
  locationOrLoadError { __typename ... on PythonError { message } } } } }
  instance { daemonHealth { allDaemonStatuses { required lastHeartbeatTime } } } }"""


def main(host: str, port: str, since: str) -> int:
    """Return the exit code."""
    host = _ANY.get(host, host)
    page = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        with urllib.request.urlopen(f"{page}/server_info", timeout=10) as answer:
            json.load(answer)
        question = urllib.request.Request(
            f"{page}/graphql", json.dumps({"query": _QUERY}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(question, timeout=60) as answer:
            found = json.load(answer)["data"]
        entries = found["workspaceOrError"]["locationEntries"]
        daemons = [one for one in found["instance"]["daemonHealth"]["allDaemonStatuses"] if one["required"]]
    except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError):
        return NOT_YET
    loaded = [entry["locationOrLoadError"] for entry in entries if entry["loadStatus"] == "LOADED"]
    for wrong in loaded:
        if (wrong or {}).get("__typename") == "PythonError":
            print(wrong["message"].strip()[-2000:])
            return DOES_NOT_LOAD
    alive = since == "never" or all((one["lastHeartbeatTime"] or 0) >= float(since) for one in daemons)
    return 0 if loaded and len(loaded) == len(entries) and alive else NOT_YET


if __name__ == "__main__":
    # A page on this machine is never behind a proxy.
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    sys.exit(main(*sys.argv[1:]))
