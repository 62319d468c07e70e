"""The console: the page as people see it, in a browser or a terminal."""

from lolomo.serving.console.html import render_page
from lolomo.serving.console.terminal import print_page

__all__ = ["print_page", "render_page"]
