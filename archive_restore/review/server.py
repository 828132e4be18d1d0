"""The desk in a browser on this machine: a page, its pictures, and the verdicts that it sends.

It listens on the loopback address alone. All its addresses begin with a secret, so that neither other users of the
machine nor pages of other sites can ask it for anything.
"""

import json
import os
import secrets
import socket
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from archive_restore.displaying import jpeg, overlay
from archive_restore.errors import ArchiveRestoreError, InputError
from archive_restore.ledger import Pile
from archive_restore.review.desk import Desk
from archive_restore.review.pictures import Box, Stroke, part, part_of_mask

HOST: Final = "127.0.0.1"

SIDE: Final = 2048
"""px, the longer side of a picture that is sent, if no smaller one is asked for; few displays show more at once."""

LONGEST_BODY: Final = 8 << 20
"""bytes of a request."""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

KINDS: Final = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}


class Site:
    """A desk as a web application, below /secret/."""

    def __init__(self, desk: Desk, secret: str) -> None:
        self._desk = desk
        self._verdicts: dict[str, Callable[[int, str], None]] = {
            "accept": desk.accept,
            "reconsider": desk.reconsider,
            "reject": desk.reject,
            "restore": desk.restore,
            "settle": desk.settle,
            "believe": desk.believe,
            "reset": desk.reset,
        }
        self.application = Starlette(
            routes=[
                Mount(
                    f"/{secret}",
                    routes=[
                        Route("/", self._file),
                        Route("/{name:str}", self._file),
                        Route("/ask/piles", self._piles),
                        Route("/ask/photographs", self._photographs),
                        Route("/ask/photographs/{number:int}", self._photograph),
                        Route("/ask/photographs/{number:int}/{which:str}", self._picture),
                        Route("/say/{number:int}/{verdict:str}", self._say, methods=["POST"]),
                    ],
                )
            ],
            # A name of another site that was made to point to this machine is refused.
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
            exception_handlers={ArchiveRestoreError: _told, HTTPException: _refused, Exception: _failed},
        )

    def _file(self, request: Request) -> Response:
        name = request.path_params.get("name", "page.html")
        if name not in KINDS:
            raise HTTPException(404, "There is no such page.")
        data = files("archive_restore").joinpath("review", name).read_bytes()
        return Response(data, media_type=KINDS[name], headers=HEADERS)

    def _piles(self, request: Request) -> Response:
        return _answer(self._desk.piles())

    def _photographs(self, request: Request) -> Response:
        pile = request.query_params.get("pile", "")
        if pile not in set(Pile):
            raise HTTPException(400, f"{pile!r} is no pile.")
        return _answer(self._desk.photographs(Pile(pile), _number(request, "after", 0)))

    def _photograph(self, request: Request) -> Response:
        return _answer(self._desk.photograph(request.path_params["number"]))

    def _picture(self, request: Request) -> Response:
        pictures = self._desk.pictures(request.path_params["number"])
        width, height = pictures.size
        edges = [
            _number(request, name, given) for name, given in zip("xywh", (0, 0, width, height), strict=True)
        ]
        box = Box(*edges).within(pictures.size)
        side = min(max(_number(request, "side", SIDE), 1), 2 * SIDE)
        match request.path_params["which"]:
            case "before":
                return _shown(jpeg(part(pictures.before, box, side), pictures.profile), "image/jpeg")
            case "after" if pictures.after is not None:
                return _shown(jpeg(part(pictures.after, box, side), pictures.profile), "image/jpeg")
            case "mask":
                return _shown(overlay(part_of_mask(pictures.mask, box, side)), "image/png")
            case _:
                raise HTTPException(404, "There is no such picture.")

    async def _say(self, request: Request) -> Response:
        number, said = request.path_params["number"], await _body(request)
        verdict, version = request.path_params["verdict"], str(said.get("version"))
        if verdict == "paint":
            await run_in_threadpool(self._desk.paint, number, version, _strokes(said.get("strokes")))
        elif verdict in self._verdicts:
            await run_in_threadpool(self._verdicts[verdict], number, version)
        else:
            raise HTTPException(404, "There is no such verdict.")
        return _answer(await run_in_threadpool(self._desk.photograph, number))


class Server:
    """Listens as soon as it is made, and serves until it is told to stop, or Ctrl-C.

    Parameters
    ----------
    port : None for any that is free

    Raises
    ------
    InputError
        The port cannot be had.
    """

    def __init__(self, desk: Desk, port: int | None = None) -> None:
        secret = secrets.token_urlsafe(16)
        self._socket = socket.socket()
        if os.name == "posix":  # elsewhere it would take a port from another program
            # Else a port that was named cannot be had again for a minute.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port or 0))
            self._socket.listen()  # a browser may come before anybody serves
        except OSError as error:
            self._socket.close()
            raise InputError(
                f"Port {port} of this machine cannot be used ({error.strerror}). Leave out --port, or name another."
            ) from error
        self.address = f"http://{HOST}:{self._socket.getsockname()[1]}/{secret}/"
        site = Site(desk, secret).application
        self._server = uvicorn.Server(
            uvicorn.Config(site, log_level="critical", access_log=False, lifespan="off")
        )

    def serve(self) -> None:
        """Until it is stopped."""
        try:
            self._server.run(sockets=[self._socket])
        except KeyboardInterrupt:  # uvicorn tells it once more when it is through
            pass
        finally:
            self._socket.close()

    def stop(self) -> None:
        """From another thread."""
        self._server.should_exit = True


def _answer(value: object) -> Response:
    return JSONResponse(value, headers=HEADERS)


def _shown(data: bytes, kind: str) -> Response:
    return Response(data, media_type=kind, headers=HEADERS)


def _number(request: Request, name: str, otherwise: int) -> int:
    """A parameter of the address."""
    try:
        return int(request.query_params.get(name, otherwise))
    except ValueError:
        raise HTTPException(400, f"{name} is no whole number.") from None


async def _body(request: Request) -> dict[str, Any]:
    """The JSON object that was sent."""
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > LONGEST_BODY:
            raise HTTPException(413, "That is too much at once. Save oftener.")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise HTTPException(
            400, "The page and the program do not understand each other. Load the page again."
        )
    return said


def _strokes(value: object) -> list[Stroke]:
    try:
        if not isinstance(value, list):
            raise ValueError("strokes are a list")
        return [Stroke.parsed(one) for one in value]
    except ValueError as error:
        raise HTTPException(400, f"This cannot be painted: {error}.") from None


async def _told(request: Request, error: Exception) -> Response:
    """What the program says to its user: nothing was done."""
    return JSONResponse({"error": str(error)}, 409, HEADERS)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, HEADERS)


async def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 500, HEADERS)
