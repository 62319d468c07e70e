"""Serving: the inference graph, its steps, the page front, and the page as people see it."""
