"""From any object that a caller has to bytes plus `AttachmentCreateMeta`.

The content decides the media type, pictures are measured from their headers as shown upright, files are streamed, and
whatever cannot become an attachment is an `IngestError` that says why and what to do instead.
"""

from __future__ import annotations

from lashkit.ingestion.ingested import Ingested
from lashkit.ingestion.sources import ingest
from lashkit.ingestion.urls import ingest_url

__all__ = ["Ingested", "ingest", "ingest_url"]
