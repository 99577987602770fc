"""Watching a sensor live: looks at regular moments, and the forms in which they are shown."""
