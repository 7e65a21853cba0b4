"""The core: audio in, emotion out. Knows no web and no terminal."""
