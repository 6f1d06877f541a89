"""NVIDIA RAG Blueprint's ingestor server: files in by multipart forms, a task to poll, collections with schemas.

Source: https://docs.nvidia.com/rag/latest/api-ingestor.html and the OpenAPI document of NVIDIA-AI-Blueprints/rag.
"""

from typing import Final

from forebay.dialects.nvidia.dialect import NvidiaDialect

NVIDIA: Final = NvidiaDialect()
