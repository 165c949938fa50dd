"""The REST interface: raw ASGI on uvicorn, and its JSON."""
