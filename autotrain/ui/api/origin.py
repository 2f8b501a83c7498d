"""Refuses requests that change something when a browser sends them from another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import HTTPException, Request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def refuse_cross_site(request: Request) -> None:  # async: else each request would wait for a thread first
    """Raise 403 unless the request is safe, comes from our own pages, or from a program (which sends no Origin)."""
    if request.method in SAFE_METHODS:
        return
    if request.headers.get("sec-fetch-site", "same-origin") in {"cross-site", "same-site"}:
        raise HTTPException(403, "This request came from another site and was refused.")
    origin = request.headers.get("origin")
    # Behind a proxy the host people see is in X-Forwarded-Host; a page of another site can set neither header.
    hosts = {request.headers.get("host"), request.headers.get("x-forwarded-host")} - {None}
    if origin is not None and urlsplit(origin).netloc not in hosts:
        raise HTTPException(403, f"This request came from {origin} and was refused; open the app at its own address.")
