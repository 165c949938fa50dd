"""The model server, where models go, and the registry that knows which one is the champion."""
