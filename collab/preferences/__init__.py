"""What one person prefers: models, a prompt, projects of chats, and feedback on messages."""

from collab.preferences.kind import PREFERENCES as PREFERENCES
from collab.preferences.kind import with_feedback as with_feedback
