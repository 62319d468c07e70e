"""The Bento `page` by name, for BentoML's own tools.

    LOLOMO_DATASET=movielens-100k bentoml serve lolomo.serving.bentos.page:page

It serves the workspace that the environment names. `lolomo serve` is the same without BentoML's
supervisor.
"""

from lolomo.core.settings import Settings
from lolomo.serving.bentos.front import Front
from lolomo.serving.bentos.load import FrontOptions, load_front
from lolomo.serving.bentos.service import page_service


def _load() -> Front:
    settings = Settings.from_environment()
    return load_front(FrontOptions(settings.workspace().root, redis=settings.redis))


page = page_service(_load)
