"""Time series for forecasting: one or several, made regular, divided by time, and written step by step."""
