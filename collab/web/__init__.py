"""The page: its sources, what builds it, and what is served of it."""

from collab.web.assets import Asset as Asset
from collab.web.assets import Page as Page
from collab.web.assets import PageBroken as PageBroken
from collab.web.assets import read_page as read_page
from collab.web.building import Build as Build
from collab.web.building import BuildFailed as BuildFailed
from collab.web.building import cache_folder as cache_folder
from collab.web.site import Site as Site
from collab.web.site import SiteState as SiteState
