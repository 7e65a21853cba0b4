"""The web door's rooms; `web_app.create_app` puts them together."""
