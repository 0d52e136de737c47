"""One page that stands alone: no script and nothing from elsewhere, light and dark."""

from loadtest.reporting.page import write_page

__all__ = ["write_page"]
