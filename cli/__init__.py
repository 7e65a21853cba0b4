"""The terminal door's rooms: what app.py opens."""
