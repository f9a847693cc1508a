"""The documentation as a site: `python -m website` builds it into site/, `python -m website.shots` takes pictures of it."""
