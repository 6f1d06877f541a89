"""EmbeddingStudio's task API: items in, a task to poll, failed items with the stage that failed; and deletions.

Source: the project's API documentation and the schemas of its routers (EulerSearch/embedding_studio, `api/api_v1`).
Its documentation and its code call the task's id `id` and `task_id` the other way round: both are read and written.
"""

from typing import Final

from forebay.dialects.embedding_studio.dialect import EmbeddingStudio

EMBEDDING_STUDIO: Final = EmbeddingStudio()
