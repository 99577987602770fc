"""One part of the report page per module: `TITLE`, `ORDER` and `render(report) -> html`."""
