"""The page that describes the API, made from its OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from workflows_dagster.web.pages.frame import page

router = APIRouter()


@router.get("/docs")
def docs(request: Request) -> Response:
    """Describe every route: method, path, parameters, answer."""
    document = request.app.openapi()
    routes = [
        _route(path, method, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return page(request, "docs.html", {"routes": routes})


def _route(path: str, method: str, operation: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = operation.get("parameters", [])
    return {
        "method": method.upper(),
        "path": path,
        "summary": operation.get("description") or operation.get("summary", ""),
        "parameters": [
            {
                "name": one["name"],
                "required": one.get("required", False),
                "description": one.get("description") or one.get("schema", {}).get("description", ""),
                "values": _values(one.get("schema", {})),
            }
            for one in parameters
        ],
        "body": list(operation.get("requestBody", {}).get("content", {})),
    }


def _values(schema: Mapping[str, Any]) -> str:
    for part in (schema, *schema.get("anyOf", [])):
        if "enum" in part:
            return ", ".join(map(str, part["enum"]))
    return str(schema.get("default", "") or "")
