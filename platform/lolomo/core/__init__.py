"""What all rooms share: columns, tables, tasks, releases, settings and errors; no framework."""
