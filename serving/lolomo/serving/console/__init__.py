"""The console: the page as people see it, in a browser or a terminal."""

from lolomo.serving.console.html import render_page, search_script
from lolomo.serving.console.terminal import print_page, print_results

__all__ = ["print_page", "print_results", "render_page", "search_script"]
