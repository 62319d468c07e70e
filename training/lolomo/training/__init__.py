"""Training: the models, the pipelines that fit and judge them, and the record of their runs."""
