"""Pages: what people look at when a window was judged."""
