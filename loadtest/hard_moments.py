"""Commands of the scenarios that are about moments: a comparison, rushes, a start, a crash."""

from cyclopts import App

from loadtest.cold import ColdOptions
from loadtest.cold import cold as run_cold
from loadtest.concluding import conclude
from loadtest.degradation import DegradationOptions
from loadtest.degradation import degradation as run_degradation
from loadtest.join import JoinOptions
from loadtest.join import join as run_join
from loadtest.peers import PeersOptions
from loadtest.peers import peers as run_peers
from loadtest.storm import StormOptions
from loadtest.storm import storm as run_storm


def peers(options: PeersOptions = PeersOptions()) -> None:  # noqa: B008 -- frozen
    """The same Yjs work on our server, Hocuspocus and y-websocket, in turns; as ratios.

    Example: python -m loadtest peers --docs 200 --clients 3 --rate 5
    """
    conclude(run_peers, options)


def join(options: JoinOptions = JoinOptions()) -> None:  # noqa: B008 -- frozen
    """Many open a large document at once; bystanders say what they feel of it.

    Example: python -m loadtest join --doc-mb 4 --clients 100
    """
    conclude(run_join, options)


def cold(options: ColdOptions = ColdOptions()) -> None:  # noqa: B008 -- frozen
    """Start and first answers of a server with a lot of data.

    Example: python -m loadtest cold --gb 1 --data ~/.cache/collab-loadtest/cold
    """
    conclude(run_cold, options)


def storm(options: StormOptions = StormOptions()) -> None:  # noqa: B008 -- frozen
    """The server is killed and restarted; everybody comes back and resumes at once.

    Example: python -m loadtest storm --clients 2000
    """
    conclude(run_storm, options)


def degradation(options: DegradationOptions = DegradationOptions()) -> None:  # noqa: B008
    """Three times the sustainable load, then half of it: what gives way, and how soon it is over.

    Example: python -m loadtest degradation --meetings 100
    """
    conclude(run_degradation, options)


def add_to(app: App) -> None:
    """Make them commands of *app*."""
    for command in (peers, join, cold, storm, degradation):
        app.command(command)
