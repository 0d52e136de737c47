"""HTTP next to the WebSocket, on the same port: health, metrics, notes."""

from collab.http.app import Readiness as Readiness
from collab.http.app import make_http_app as make_http_app
from collab.http.bodies import Bodies as Bodies
from collab.http.figures import Distribution as Distribution
from collab.http.figures import Figure as Figure
from collab.http.figures import FigureKind as FigureKind
from collab.http.figures import FigureSource as FigureSource
from collab.http.figures import figures_of as figures_of
from collab.http.notes import notes_routes as notes_routes
from collab.http.overload import refusing_while_behind as refusing_while_behind
from collab.http.oversight import overview_routes as overview_routes
from collab.http.schema import schema_routes as schema_routes
from collab.http.tickets import sign_in_routes as sign_in_routes
from collab.http.web import web_routes as web_routes
from collab.http.webhooks import webhook_routes as webhook_routes
