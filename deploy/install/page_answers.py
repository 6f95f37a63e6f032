"""Ask the Dagster page once whether it serves the meters: `page_answers.py HOST PORT`. Needs nothing but Python itself.

Exit code 0: it does. 1: not yet. 3: it serves, but the code location does not load; what is wrong is printed.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request

NOT_YET, DOES_NOT_LOAD = 1, 3
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
_QUERY = """{ workspaceOrError { ... on Workspace { locationEntries { loadStatus
  locationOrLoadError { __typename ... on PythonError { message } } } } } }"""


def main(host: str, port: str) -> int:
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
            entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
    except (urllib.error.URLError, OSError, ValueError, KeyError, TypeError):
        return NOT_YET
    loaded = [entry["locationOrLoadError"] for entry in entries if entry["loadStatus"] == "LOADED"]
    for wrong in loaded:
        if (wrong or {}).get("__typename") == "PythonError":
            print(wrong["message"].strip()[-2000:])
            return DOES_NOT_LOAD
    return 0 if loaded and len(loaded) == len(entries) else NOT_YET


if __name__ == "__main__":
    # A page on this machine is never behind a proxy.
    urllib.request.install_opener(urllib.request.build_opener(urllib.request.ProxyHandler({})))
    sys.exit(main(*sys.argv[1:]))
