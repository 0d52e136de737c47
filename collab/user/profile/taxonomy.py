"""The interests that a profile can name. Data of our own; ids are stored and never reused.

``VERSION`` grows with every change. A new interest gets a new id. One that is to go moves to
``RETIRED``: who has it keeps it, nobody takes it up anew. Labels are English and may change;
clients translate by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

VERSION: Final = 1

_GROUPS: Final = """
technology: Technology
  software: Software engineering
  web: Web development
  mobile: Mobile apps
  machine-learning: Machine learning
  data-science: Data science
  security: Security and privacy
  cloud: Cloud and operations
  hardware: Hardware and electronics
  robotics: Robotics
  open-source: Open source
  accessibility: Accessibility
science: Science
  mathematics: Mathematics
  physics: Physics
  chemistry: Chemistry
  biology: Biology
  earth-science: Earth and climate science
  astronomy: Astronomy and space
  psychology: Psychology and cognition
  social-science: Social sciences
  philosophy: Philosophy
  history: History
  linguistics: Languages and linguistics
business: Business
  entrepreneurship: Starting companies
  product: Product management
  marketing: Marketing
  sales: Sales
  finance: Finance
  accounting: Accounting
  people: People and hiring
  leadership: Leadership
  strategy: Strategy
  operations: Operations and logistics
  law: Law and policy
  customer-care: Customer care
design: Design and arts
  interaction-design: Interaction design
  graphic-design: Graphic design
  industrial-design: Industrial design
  architecture: Architecture
  fine-arts: Painting and sculpture
  photography: Photography
  film: Film and video
  music: Music
  theatre: Theatre and dance
  writing: Writing
  literature: Literature
  fashion: Fashion and textiles
  games: Games
society: Society
  education: Education
  health: Health and medicine
  mental-health: Mental health
  environment: Environment and nature
  energy: Energy
  human-rights: Human rights
  inclusion: Inclusion
  local-community: Local community
  volunteering: Volunteering
  journalism: Journalism
  politics: Politics
life: Everyday life
  cooking: Cooking and food
  gardening: Gardening
  travel: Travel
  sports: Sports
  outdoors: Hiking and outdoors
  fitness: Fitness
  mindfulness: Mindfulness
  crafts: Crafts and making
  pets: Animals
  parenting: Family and parenting
skills: Ways of working
  mentoring: Mentoring
  public-speaking: Public speaking
  facilitation: Facilitation
  negotiation: Negotiation
  research: Research
  teaching: Teaching
  remote-work: Remote work
  productivity: Productivity
"""

RETIRED: Final[frozenset[str]] = frozenset()


def _labels(groups: str) -> Mapping[str, tuple[str, Mapping[str, str]]]:
    """Read ``group -> (label, interest -> label)`` from the text above."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    seen: set[str] = set()
    interests: dict[str, str] = {}
    for line in groups.strip().splitlines():
        name, _, label = line.strip().partition(": ")
        if line.startswith(" "):
            assert name not in seen, f"interest {name} comes twice"
            seen.add(name)
            interests[name] = label
        else:
            interests = {}
            found[name] = (label, interests)
    return MappingProxyType(
        {name: (label, MappingProxyType(held)) for name, (label, held) in found.items()}
    )


GROUPS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = _labels(_GROUPS)
LABELS: Final[Mapping[str, str]] = MappingProxyType(
    {name: label for _, interests in GROUPS.values() for name, label in interests.items()}
)
KNOWN: Final = frozenset(LABELS)


def plain() -> Mapping[str, Any]:
    """Return all of it for clients: ``{"version", "groups": [{"id", "label", "interests"}]}``."""
    return {
        "version": VERSION,
        "groups": [
            {
                "id": group,
                "label": label,
                "interests": [{"id": n, "label": held} for n, held in interests.items()],
            }
            for group, (label, interests) in GROUPS.items()
        ],
    }
