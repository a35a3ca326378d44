"""A web service that explains uploaded photos.

    pip install suffice[cpu] fastapi python-multipart uvicorn
    SUFFICE_MODEL=model.onnx SUFFICE_PREPROCESS=model.json uvicorn --factory fastapi_app:create_app

One thread answers: a search keeps all cores busy, so a second one would only slow both. A few
uploads may wait; what comes on top of them is told to come back (503), instead of a queue that grows.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, UploadFile
from PIL import Image, ImageOps

import suffice
from suffice.errors import SufficeError

MOST_BYTES = 20_000_000
MOST_PIXELS = 50_000_000


def create_app(classifier: Any = None, *, waiting: int = 8, **settings: Any) -> FastAPI:
    """Make the service.

    Parameters
    ----------
    classifier : anything `suffice.as_classifier` takes, with a preprocessing
        None: what the environment names, or the demo.
    waiting : int
        Uploads in work or waiting; more are refused with 503.
    **settings
        Of `suffice.explain`; ``budget`` bounds the time of an answer.
    """
    if classifier is None:
        stated = os.environ.get("SUFFICE_PREPROCESS")
        classifier = suffice.as_classifier(
            os.environ.get("SUFFICE_MODEL", "demo"),
            preprocess=suffice.Preprocess.from_json(stated) if stated else None,
        )
    settings = {"budget": 400, **settings}
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="suffice")
    places = asyncio.Semaphore(waiting)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        worker.shutdown(cancel_futures=True)

    app = FastAPI(title="suffice", lifespan=lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the service runs, and what it answers with."""
        return {"status": "ok", "model": classifier.name, "version": suffice.__version__}

    @app.post("/explain")
    async def explain(photo: UploadFile) -> dict[str, Any]:
        """Explain one photo; the answer is the record of docs/record.md."""
        if places.locked():
            raise HTTPException(503, "too many photos are waiting", {"Retry-After": "10"})
        async with places:
            data = await photo.read(MOST_BYTES + 1)
            if len(data) > MOST_BYTES:
                raise HTTPException(413, f"at most {MOST_BYTES:,} bytes")
            loop = asyncio.get_running_loop()
            try:
                return await loop.run_in_executor(worker, answer, classifier, data, settings)
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                raise HTTPException(422, f"not an image that can be read: {error}") from None
            except SufficeError as error:
                raise HTTPException(422, str(error)) from None

    return app


def answer(classifier: Any, data: bytes, settings: dict[str, Any]) -> dict[str, Any]:
    """Decode a photo and explain it, in the one thread that works."""
    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"at most {MOST_PIXELS:,} pixels, it has {image.size}")
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    return suffice.explain(classifier, pixels, **settings).to_dict()
