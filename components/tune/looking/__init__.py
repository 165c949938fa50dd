"""Looking at a tuning: while it runs, in words, as a page, and in MLflow."""
